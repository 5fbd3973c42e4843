// The shape of config.yaml. config.example.yaml shows every key with its default.
import { z } from 'zod'

const headerName = z.string().regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/, 'is not a header name')
const headers = z.record(headerName, z.string().regex(/^[\x20-\x7e\t]*$/, 'must be printable ASCII on one line'))
const httpUrl = z
  .string()
  .refine((text) => URL.canParse(text) && /^https?:$/.test(new URL(text).protocol), 'must be an http(s) URL')
const callbackUrl = httpUrl.refine(
  (text) => URL.canParse(text) && new URL(text).href === text,
  'must be written in full: scheme, host, port, path',
)
const milliseconds = z.number().int().min(0)
const strategy = z.enum(['auto', 'none', 'reauthorize'])
const pkceEnabled = z.literal(true, {
  error: 'cannot be switched off: MCP requires PKCE (authorization specification)',
})
const challengeMethod = z.literal('S256', {
  error: 'must be S256: plain gives the verifier away (OAuth 2.1 section 4.1.1)',
})

const provider = z.strictObject({
  issuer: httpUrl.optional(),
  client_id: z.string().min(1).optional(),
  client_secret: z.string().min(1).optional(),
  client_secret_file: z.string().min(1).optional(),
  client_type: z.enum(['public', 'confidential']).optional(),
  scopes: z.array(z.string().min(1)).optional(),
  prompt: z.string().min(1).optional(),
  audience: z.string().min(1).optional(),
  pkce_enabled: pkceEnabled.optional(),
  code_challenge_method: challengeMethod.optional(),
  refresh_strategy: strategy.optional(),
})

const server = z.strictObject({
  url: httpUrl,
  provider: z.string().optional(),
  profile: z.string().min(1).optional(),
  headers: headers.optional(),
})

export const schema = z.strictObject({
  mcp_server_url: httpUrl.optional(),
  servers: z.record(z.string().min(1), server).optional(),
  callback_url: z.union([callbackUrl, z.array(callbackUrl).min(1)]).optional(),
  session_timeout: z.number().int().min(1).optional(),
  database_url: z
    .string()
    .startsWith('sqlite:', 'must be sqlite:FILE; PostgreSQL comes with the HTTP gateway, which is not there yet')
    .optional(),
  secret_store: z.enum(['auto', 'keychain', 'file', 'env']).optional(),
  refresh_strategy: strategy.optional(),
  connect_timeout: milliseconds.optional(),
  request_timeout: milliseconds.optional(),
  log_level: z.enum(['debug', 'info', 'warn', 'error']).optional(),
  log_file: z.string().min(1).optional(),
  header_forwarding: z
    .strictObject({ forward_headers: z.array(z.string()).optional(), blocked_headers: z.array(z.string()).optional() })
    .optional(),
  user_headers: z.record(headerName, z.string()).optional(),
  login: z.strictObject({ mode: z.enum(['auto', 'on-call', 'never']).optional() }).optional(),
  browser: z.string().min(1).optional(),
  providers: z.record(z.string().min(1), provider).optional(),
})

export type ConfigFile = z.infer<typeof schema>
export type ProviderEntry = z.infer<typeof provider>

/** Keys allowed at a path of the file, to name the nearest one to a misspelt key. */
export function keysAt(path: readonly PropertyKey[]): string[] {
  let at: unknown = schema
  for (const step of path) at = child(at, step)
  const object = unwrap(at)
  return object instanceof z.ZodObject ? Object.keys(object.shape) : []
}

function child(at: unknown, step: PropertyKey): unknown {
  const type = unwrap(at)
  if (type instanceof z.ZodObject) return type.shape[step as string]
  return type instanceof z.ZodRecord ? type.valueType : undefined
}

const unwrap = (type: unknown): unknown => (type instanceof z.ZodOptional ? unwrap(type.unwrap()) : type)
