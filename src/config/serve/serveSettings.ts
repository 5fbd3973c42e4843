// The settings of the gateway (`serve`) from the checked config file: defaults, and every fault that one key alone does not show.
import type { ServeSettings } from '../../gateway/settings.ts'
import { quote } from '../../redaction/text.ts'
import { isLoopback } from '../../secureUrl.ts'
import { DEFAULT_CALLBACK_URL } from '../config.ts'
import { addressOf, isSecureUrl } from '../file/listen.ts'
import type { ConfigFile } from '../file/schema.ts'
import type { ReadConfig } from '../file/unset.ts'
import { readTextFile } from '../textFile.ts'
import { certificateOf } from './certificate.ts'
import { demandFaultless, nowhere, type PlaceOf, type ServeFault } from './faults.ts'
import { servedProviders } from './providers.ts'
import { accessOf, type ServeFlags, servedServers } from './servers.ts'

const MINUTE = 60_000
const DAY = 24 * 60 * MINUTE
const MB = 1024 * 1024
/** Where the gateway answers the providers. */
const CALLBACK_PATH = '/auth/callback'

/**
 * `file`: with absolute paths. `place`: where it has a key, for the words about a fault.
 * @throws BridgeError config_invalid with a line for each fault; config_not_found, insecure_url
 */
export function serveSettings(file: ReadConfig, flags: ServeFlags, place: PlaceOf = nowhere): ServeSettings {
  const { serve = {}, header_forwarding: forwarding = {}, cors = {} } = file
  const faults: ServeFault[] = []
  const { publicUrl, callbackUrl } = addressesOf(file, faults)
  const providers = servedProviders(file, faults)
  const servers = servedServers(file, flags, providers, faults)
  const tls = serve.tls && certificateOf(serve.tls, faults)
  if (tls && publicUrl.startsWith('http:'))
    faults.push({
      key: ['serve', 'tls'],
      text: `serve.tls is set, and the public URL ${publicUrl} is http: it must be https.`,
    })
  const tokens = tokensOf(file, faults)
  const clients = clientsOf(file)
  demandFaultless(faults, place)
  return {
    listen: addressOf(serve.listen ?? '') ?? besideLoopback(publicUrl),
    publicUrl,
    callbackUrl,
    tls,
    trustedProxies: serve.trusted_proxies ?? [],
    servers,
    providers,
    access: accessOf(serve.access),
    clients,
    tokens,
    limits: {
      bodyBytes: Math.round((serve.limits?.body_mb ?? 8) * MB),
      headerBytes: 16 * 1024,
      headersMs: 10_000,
      bodyMs: 60_000,
    },
    cors: {
      enabled: cors.enabled ?? false,
      origins: cors.origins ?? [],
      allowCredentials: cors.allow_credentials ?? false,
      allowedHeaders: cors.allowed_headers ?? [],
    },
    forwardHeaders: forwarding.forward_headers ?? ['Authorization', 'X-User-*'],
    blockedHeaders: forwarding.blocked_headers ?? [],
    userHeaders: file.user_headers ?? { 'X-User-Id': 'sub', 'X-User-Email': 'email', 'X-User-Name': 'name' },
    sessionTimeoutMs: (file.session_timeout ?? 300) * 1000,
    connectTimeoutMs: file.connect_timeout ?? 10_000,
    requestTimeoutMs: file.request_timeout ?? 60_000,
  }
}

/** For the settings that all commands have: the gateway is not about one server. */
export function withoutServers({ mcp_server_url: _only, servers: _servers, ...rest }: ReadConfig): ReadConfig {
  return rest
}

/** The public URL is that of the configuration only: what a request says of it, anybody can write. */
function addressesOf({ serve, callback_url: written }: ConfigFile, faults: ServeFault[]) {
  const given = [written ?? []].flat()
  const fault = (text: string) => faults.push({ key: ['callback_url'], text })
  if (given.length > 1) fault('callback_url must be one URL for serve, and not a list.')
  const named = serve?.public_url
  const callbackUrl = given[0] ?? (named === undefined ? DEFAULT_CALLBACK_URL : named + CALLBACK_PATH)
  const callback = new URL(callbackUrl)
  const publicUrl = named ?? callback.origin
  if (callback.origin !== publicUrl)
    fault(`callback_url ${quote(callbackUrl)} is not under serve.public_url, which is ${publicUrl}.`)
  if (callbackUrl !== callback.origin + CALLBACK_PATH)
    fault(`callback_url must be ${callback.origin}${CALLBACK_PATH} for serve: the gateway answers the providers there.`)
  if (!isSecureUrl(callbackUrl))
    fault(`callback_url ${quote(callbackUrl)} must be https for serve, or http on localhost, 127.0.0.1 or [::1].`)
  return { publicUrl, callbackUrl }
}

/** Without serve.listen: where a public URL of this machine says, else the guide's port; never another interface than loopback. */
function besideLoopback(publicUrl: string): ServeSettings['listen'] {
  const { hostname, port, protocol } = new URL(publicUrl)
  if (!isLoopback(hostname)) return { host: '127.0.0.1', port: 8080 }
  return { host: hostname.replace(/^\[|\]$/g, ''), port: Number(port) || (protocol === 'https:' ? 443 : 80) }
}

function tokensOf({ serve }: ConfigFile, faults: ServeFault[]): ServeSettings['tokens'] {
  const {
    access_minutes: access = 60,
    refresh_idle_days: idle,
    refresh_days: all,
    reuse_grace: grace = 30,
  } = serve?.tokens ?? {}
  const refreshDays = all ?? Math.max(90, idle ?? 0)
  const idleDays = idle ?? Math.min(30, refreshDays)
  const fault = (name: string, text: string) => faults.push({ key: ['serve', 'tokens', name], text })
  if (idleDays > refreshDays)
    fault('refresh_idle_days', 'serve.tokens.refresh_idle_days must not be more than refresh_days.')
  if (access * MINUTE > refreshDays * DAY)
    fault('access_minutes', 'serve.tokens.access_minutes must not be more than refresh_days.')
  return {
    accessMs: access * MINUTE,
    refreshIdleMs: idleDays * DAY,
    refreshMs: refreshDays * DAY,
    reuseGraceMs: grace * 1000,
  }
}

function clientsOf({ serve }: ConfigFile): ServeSettings['clients'] {
  const {
    registration = 'open',
    documents = true,
    document_hosts: hosts,
    known = {},
    ...redirects
  } = serve?.clients ?? {}
  return {
    registration,
    documents,
    documentHosts: hosts ?? ['*'],
    redirectSchemes: redirects.redirect_schemes ?? [],
    redirectHosts: redirects.redirect_hosts ?? ['*'],
    known: Object.entries(known).map(([name, { id, secret, secret_file: file, redirect_uris: redirectUris }]) => ({
      name,
      id,
      secret: file === undefined ? secret : readTextFile(file, `secret file of serve.clients.known.${name}`),
      redirectUris,
    })),
  }
}
