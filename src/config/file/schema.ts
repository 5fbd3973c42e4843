// The shape of config.yaml. config.example.yaml shows every key with its default.
import { z } from 'zod'
import { ACCESS_LISTS, BEARERS, LOG_LEVELS, LOGIN_MODES, MIGRATIONS, PROTOCOLS, TRANSPORTS } from './choices.ts'
import { addressOf, isRange, isSecureUrl } from './listen.ts'
import { isPostgres, POSTGRES_FORM, postgresFault } from './postgresUrl.ts'

const headerName = z.string().regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/, 'is not a header name')
const headers = z.record(headerName, z.string().regex(/^[\x20-\x7e\t]*$/, 'must be printable ASCII on one line'))
const httpUrl = z
  .string()
  .refine((text) => URL.canParse(text) && /^https?:$/.test(new URL(text).protocol), 'must be an http(s) URL')
/** Providers compare it letter by letter with what is registered, so it is written in one way only. */
const callbackUrl = httpUrl.refine((text) => URL.canParse(text) && new URL(text).href === text, {
  error: ({ input }) =>
    URL.canParse(String(input)) && !new URL(String(input)).username
      ? `must be written in full, as ${new URL(String(input)).href}`
      : 'must be written in full: scheme, host, port, path',
})
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

/** Words a refused value of `database_url` gets; they repeat nothing of it. */
const databaseUrl = (text: string): string | undefined => {
  if (isPostgres(text)) return postgresFault(text)
  return text.startsWith('sqlite:') && text !== 'sqlite:' ? undefined : `must be sqlite:FILE or ${POSTGRES_FORM}`
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

const words = z.array(z.string().min(1))
/** Every list is an allowance: a person needs one of them. */
const access = z.union([
  z.literal('everyone'),
  z.strictObject(Object.fromEntries(ACCESS_LISTS.map((list) => [list, words.optional()])) as AccessLists),
])
type AccessLists = Record<(typeof ACCESS_LISTS)[number], z.ZodOptional<typeof words>>

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
    bearer: z.enum(BEARERS).optional(),
    subpaths: z.boolean().optional(),
    access: access.optional(),
  })
  .refine(({ transport, protocol: wanted }) => transport !== 'sse' || String(wanted) !== '2026', {
    path: ['protocol'],
    error: 'must not be 2026 beside transport: sse: HTTP+SSE does not carry revision 2026-07-28',
  })

/** For web pages that call the gateway; the bridge does not use them. */
const cors = z
  .strictObject({
    enabled: z.boolean().optional(),
    origins: z.array(z.union([z.literal('*'), origin])).optional(),
    allow_credentials: z.boolean().optional(),
    allowed_headers: z.array(headerName).optional(),
  })
  .refine(({ origins, allow_credentials: credentials }) => credentials !== true || !origins?.includes('*'), {
    path: ['allow_credentials'],
    error: 'must not be true beside the origin "*": every page could call with the cookies of whoever visits it',
  })

const knownClient = z.strictObject({
  id: z.string().min(1),
  secret: z.string().min(1).optional(),
  secret_file: z.string().min(1).optional(),
  redirect_uris: z.array(z.string().min(1)).min(1),
})
const days = z.number().positive().max(3650)

/** The HTTP gateway; no other command uses it. */
const serve = z.strictObject({
  listen: z
    .string()
    .refine((text) => addressOf(text) !== undefined, 'must be HOST:PORT, such as 127.0.0.1:8080 or [::1]:8080')
    .optional(),
  public_url: origin
    .refine((text) => isSecureUrl(text), 'must be https, or http on localhost, 127.0.0.1 or [::1]')
    .optional(),
  tls: z.strictObject({ cert_file: z.string().min(1), key_file: z.string().min(1) }).optional(),
  trusted_proxies: z
    .array(z.string().refine(isRange, 'must be an IP address or a range, such as 10.0.0.0/8'))
    .optional(),
  servers: words.min(1).optional(),
  providers: words.min(1).optional(),
  access: access.optional(),
  consent: z.literal('always', { error: 'must be always: a person is asked for each client, each time' }).optional(),
  migrate: z.enum(MIGRATIONS).optional(),
  key_command: words.min(1).optional(),
  clients: z
    .strictObject({
      registration: z.enum(['open', 'off']).optional(),
      documents: z.boolean().optional(),
      document_hosts: words.optional(),
      redirect_schemes: z
        .array(z.string().regex(/^[a-z][a-z0-9+.-]*$/, 'must be a scheme in lower case, without a colon'))
        .optional(),
      redirect_hosts: words.optional(),
      known: z.record(z.string().min(1), knownClient).optional(),
    })
    .optional(),
  tokens: z
    .strictObject({
      access_minutes: z.number().positive().max(1440).optional(),
      refresh_idle_days: days.optional(),
      refresh_days: days.optional(),
      reuse_grace: z.number().min(0).max(60).optional(),
    })
    .optional(),
  limits: z.strictObject({ body_mb: megabytes.optional() }).optional(),
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
  database_url_file: z.string().min(1).optional(),
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
  serve: serve.optional(),
})

export type ConfigFile = z.infer<typeof schema>
export type Issue = z.core.$ZodIssue
export type ProviderEntry = z.infer<typeof provider>
export type ServerEntry = z.infer<typeof server>
export type AccessEntry = z.infer<typeof access>

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

function unwrap(type: unknown): unknown {
  if (type instanceof z.ZodOptional) return unwrap(type.unwrap())
  // A word, or an object in its place.
  return type instanceof z.ZodUnion ? type.options.find((option) => option instanceof z.ZodObject) : type
}
