// Picks the HTTP client, and how far the login path may go with it.
import type { Config, ServerConfig } from '../config/config.ts'
import { memoizeAsync } from '../memoizeAsync.ts'
import type { HttpClient } from '../ports.ts'
import type { Reach } from '../system/http/addresses.ts'
import { createHttp, type Http } from '../system/http/client.ts'

export interface Network {
  readonly http: Http
  /** Which addresses the server's metadata may refer to; without a server there is no metadata. */
  readonly reach: () => Promise<Reach | undefined>
  /** The HTTP client of the login path: it goes no further than that. */
  readonly guarded: () => Promise<HttpClient>
}

export function composeNetwork({ server, connectTimeoutMs }: Config, environment: NodeJS.ProcessEnv): Network {
  const http = createHttp({
    connectTimeoutMs,
    environment,
    ...(server ? { cookieOrigin: new URL(server.url).origin } : {}),
    ...(server?.certificates === undefined ? {} : { certificates: server.certificates }),
  })
  const reach = memoizeAsync(async () => {
    if (!server) return undefined
    const { createReach } = await import('../system/http/addresses.ts')
    const allowed = server.exceptions.allow_private ?? []
    return createReach(new URL(server.url), [...configuredOrigins(server), ...allowed])
  })
  const guarded = memoizeAsync(async () => {
    const bounds = await reach()
    return bounds ? (await import('../system/http/addresses.ts')).withinReach(http, bounds) : http
  })
  return { http, reach, guarded }
}

/** What a person wrote is not the word of the server: it may lead anywhere. */
const configuredOrigins = ({ issuer, endpoints = {} }: ServerConfig) =>
  [...(issuer === undefined ? [] : [issuer]), ...Object.values(endpoints)].map((url) => new URL(url).origin)
