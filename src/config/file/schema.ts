// The shape of config.yaml. config.example.yaml shows every key with its default.
import { z } from 'zod'
import { LOG_LEVELS, LOGIN_MODES, PROTOCOLS, TRANSPORTS } from './choices.ts'

const headerName = z.string().regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/, 'is not a header name')
const headers = z.record(headerName, z.string().regex(/^[\x20-\x7e\t]*$/, 'must be printable ASCII on one line'))
const httpUrl = z
  .string()
  .refine((text) => URL.canParse(text) && /^https?:$/.test(new URL(text).protocol), 'must be an http(s) URL')
const callbackUrl = httpUrl.refine(
  (text) => URL.canParse(text) && new URL(text).href === text,
  'must be written in full: scheme, host, port, path',
)
const callbackUrls = z.union([callbackUrl, z.array(callbackUrl).min(1)])
const milliseconds = z.number().int().min(0)
/** A message is one string in memory, and the longest string Node has is 512 MB. */
const megabytes = z.number().positive().max(500)
const caFile = z.string().min(1)
const strategy = z.enum(['auto', 'none', 'reauthorize'])
const pkceEnabled = z.literal(true, {
  error: 'cannot be switched off: MCP requires PKCE (authorization specification)',
})
/** YAML reads `2025` as a number. */
const protocol = z.literal([...PROTOCOLS, 2025, 2026], { error: 'must be auto, 2025 or 2026' })
const challengeMethod = z.literal('S256', {
  error: 'must be S256: plain reveals the verifier (OAuth 2.1 section 4.1.1)',
})

/** Words a refused value of `database_url` gets. */
const databaseUrl = (text: string): string | undefined => {
  if (/^postgres(ql)?:/.test(text)) return 'must be sqlite:FILE: PostgreSQL comes with the gateway'
  return text.startsWith('sqlite:') && text !== 'sqlite:' ? undefined : 'must be sqlite:FILE'
}

const provider = z.strictObject({
  issuer: httpUrl.optional(),
  tenant_id: z
    .string()
    .regex(/^[A-Za-z0-9.-]+$/, 'must be a tenant id, a domain, common, organizations or consumers')
    .optional(),
  authorization_endpoint: httpUrl.optional(),
  token_endpoint: httpUrl.optional(),
  device_authorization_endpoint: httpUrl.optional(),
  revocation_endpoint: httpUrl.optional(),
  userinfo_endpoint: httpUrl.optional(),
  jwks_uri: httpUrl.optional(),
  client_id: z.string().min(1).optional(),
  client_secret: z.string().min(1).optional(),
  client_secret_file: z.string().min(1).optional(),
  client_key_file: z.string().min(1).optional(),
  client_type: z.enum(['public', 'confidential']).optional(),
  scopes: z.array(z.string().min(1)).optional(),
  prompt: z.string().min(1).optional(),
  audience: z.string().min(1).optional(),
  authorize_params: z.record(z.string().min(1), z.string()).optional(),
  resource: z.string().min(1).optional(),
  bearer: z.enum(['access_token', 'id_token']).optional(),
  client_credentials: z.boolean().optional(),
  pkce_enabled: pkceEnabled.optional(),
  code_challenge_method: challengeMethod.optional(),
  refresh_strategy: strategy.optional(),
})

const issuerPair = z.strictObject({ expected: z.string().min(1), named: z.string().min(1) })
const origin = httpUrl.refine(
  (text) => URL.canParse(text) && new URL(text).origin === text,
  'must be an origin: scheme, host and port, without a trailing slash',
)
const metadataUrl = z
  .string()
  .refine(
    (text) => URL.canParse(text) && new URL(text).protocol === 'https:' && new URL(text).pathname !== '/',
    'must be an https URL with a path',
  )

const server = z
  .strictObject({
    url: httpUrl,
    provider: z.string().optional(),
    profile: z.string().min(1).optional(),
    headers: headers.optional(),
    ca_file: caFile.optional(),
    transport: z.enum(TRANSPORTS).optional(),
    protocol: protocol.optional(),
    allow_http: z.boolean().optional(),
    allow_missing_s256: z.boolean().optional(),
    trusted_issuers: z.array(issuerPair).optional(),
    trusted_resource: httpUrl.optional(),
    allow_private: z.array(origin).optional(),
    hide_tools: z.array(z.string().min(1)).optional(),
    callback_url: callbackUrls.optional(),
    client_metadata_url: metadataUrl.optional(),
    headers_file: z.string().min(1).optional(),
  })
  .refine(({ transport, protocol: wanted }) => transport !== 'sse' || String(wanted) !== '2026', {
    path: ['protocol'],
    error: 'must not be 2026 beside transport: sse: HTTP+SSE does not carry revision 2026-07-28',
  })

/** For browsers that call the gateway; the bridge does not use them. */
const cors = z.strictObject({
  enabled: z.boolean().optional(),
  origins: z.array(z.string().min(1)).optional(),
  allow_credentials: z.boolean().optional(),
  allowed_headers: z.array(headerName).optional(),
})

export const schema = z.strictObject({
  mcp_server_url: httpUrl.optional(),
  servers: z.record(z.string().min(1), server).optional(),
  callback_url: callbackUrls.optional(),
  client_metadata_url: metadataUrl.optional(),
  session_timeout: z.number().int().min(1).optional(),
  database_url: z
    .string()
    .refine((text) => databaseUrl(text) === undefined, { error: ({ input }) => databaseUrl(String(input)) })
    .optional(),
  secret_store: z.enum(['auto', 'keychain', 'file', 'env']).optional(),
  refresh_strategy: strategy.optional(),
  connect_timeout: milliseconds.optional(),
  request_timeout: milliseconds.optional(),
  limits: z.strictObject({ host_message_mb: megabytes.optional(), server_message_mb: megabytes.optional() }).optional(),
  ca_file: caFile.optional(),
  log_level: z.enum(LOG_LEVELS).optional(),
  log_file: z.string().min(1).optional(),
  header_forwarding: z
    .strictObject({ forward_headers: z.array(z.string()).optional(), blocked_headers: z.array(z.string()).optional() })
    .optional(),
  response_transform: z.strictObject({ hide_tools: z.array(z.string().min(1)).optional() }).optional(),
  user_headers: z.record(headerName, z.string()).optional(),
  login: z
    .strictObject({
      mode: z.enum(LOGIN_MODES).optional(),
      hold_initialize_ms: milliseconds.optional(),
      hold_call_ms: milliseconds.optional(),
    })
    .optional(),
  browser: z.string().min(1).optional(),
  providers: z.record(z.string().min(1), provider).optional(),
  cors: cors.optional(),
})

export type ConfigFile = z.infer<typeof schema>
export type Issue = z.core.$ZodIssue
export type ProviderEntry = z.infer<typeof provider>
export type ServerEntry = z.infer<typeof server>

/** The same for editors (JSON Schema draft-07). Rules in code, such as "an http(s) URL", are not in it. */
export const jsonSchema = () => ({
  ...z.toJSONSchema(schema, { target: 'draft-7', io: 'input' }),
  title: 'config.yaml of mcp-oauth-bridge',
})

/** Keys allowed at a path of the file, to suggest the closest one for a misspelled key. */
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
