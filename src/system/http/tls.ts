// TLS connections: checked against Node's own list first, and only if that fails against the system's, which takes longer to load.
import type { SecureContext, TLSSocket } from 'node:tls'
import { memoizeAsync } from '../../memoizeAsync.ts'
import { quote } from '../../redaction/text.ts'
import type { Connect } from './connections.ts'
import { reasonOf } from './errors.ts'
import { authorityOf, proxyAuthorization, proxyRefused, proxyUnreachable } from './proxy.ts'
import { tlsFailed, UNKNOWN_ISSUER } from './tlsErrors.ts'

export interface SecureOptions {
  /** A connector with these trusted certificates; undefined: Node's own and NODE_EXTRA_CA_CERTS. */
  readonly build: (context: SecureContext | undefined) => Connect
  readonly environment: NodeJS.ProcessEnv
  readonly certificates: string | undefined
  readonly timeoutMs: number
}

/** Set explicitly for every connection: otherwise Node uses NODE_TLS_REJECT_UNAUTHORIZED and --tls-min-v1.0. */
export const CHECKED = { rejectUnauthorized: true, minVersion: 'TLSv1.2' } as const

type Connecting = Parameters<Connect>[0]

/** Returns the connector for one route to a server: direct, or through a proxy. The trusted certificates are the same for all. */
export function createSecureConnect({ build, environment, certificates, timeoutMs }: SecureOptions) {
  const context = memoizeAsync(async () =>
    (await import('./caCertificates.ts')).allAuthorities(environment, certificates),
  )
  const wide = memoizeAsync(async () => build(await context()))
  let narrow: Connect | undefined = certificates === undefined ? build(undefined) : undefined

  /** Whether Node's own list is enough for the proxy, as far as is known; nobody checks a plain one. */
  let narrowProxy = certificates === undefined

  const byProxy = async (proxy: URL, authority: string) => {
    const { openTunnel } = await import('./tunnel.ts')
    const asked = { authority, headers: proxyAuthorization(proxy), timeoutMs }
    if (narrowProxy || proxy.protocol === 'http:') {
      try {
        return await openTunnel(proxy, { ...asked, secureContext: undefined })
      } catch (thrown) {
        if (!UNKNOWN_ISSUER.test(reasonOf(thrown))) throw thrown
      }
    }
    const opened = await openTunnel(proxy, { ...asked, secureContext: await context() })
    narrowProxy = false
    return opened
  }

  const tunnel = async (proxy: URL | undefined, options: Connecting) => {
    if (!proxy) return options
    const authority = authorityOf(options)
    const opened = await byProxy(proxy, authority).catch((thrown) => {
      throw proxyUnreachable(proxy, thrown)
    })
    if (typeof opened === 'number') throw proxyRefused(proxy, authority, opened)
    return { ...options, httpSocket: opened }
  }

  const connect = async (proxy: URL | undefined, options: Connecting): Promise<TLSSocket> => {
    if (narrow) {
      try {
        return await open(narrow, await tunnel(proxy, options))
      } catch (thrown) {
        if (!UNKNOWN_ISSUER.test(reasonOf(thrown))) throw thrown
        const socket = await openNamed(await wide(), await tunnel(proxy, options))
        narrow = undefined
        return socket
      }
    }
    return openNamed(await wide(), await tunnel(proxy, options))
  }

  return (proxy: URL | undefined): Connect =>
    (options, callback) =>
      void connect(proxy, options).then(
        (socket) => callback(null, socket),
        (thrown: Error) => callback(thrown, null),
      )
}

function open(connector: Connect, options: Connecting, onSocket?: (socket: TLSSocket) => void): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket: unknown = connector(options, (error, connected) => {
      if (error) return reject(error)
      // An alert that ends the connection comes before its end, which is all that undici would tell.
      connected.once('error', (alert) => connected.destroy(alert))
      resolve(connected as TLSSocket)
    })
    onSocket?.(socket as TLSSocket)
  })
}

/** @throws BridgeError tls_failed that names the issuer of the server's certificate */
async function openNamed(connector: Connect, options: Connecting): Promise<TLSSocket> {
  let issuer: string | undefined
  try {
    return await open(connector, options, (socket) => {
      // Before Node checks its own result: a refused connection is closed at once and loses its certificates.
      socket.prependListener('secure', () => {
        issuer = issuerOf(socket)
      })
    })
  } catch (thrown) {
    if (!UNKNOWN_ISSUER.test(reasonOf(thrown))) throw thrown
    throw tlsFailed(`https://${options.host ?? options.hostname}`, reasonOf(thrown), issuer, thrown)
  }
}

/** The issuer of the last certificate of the chain: the one that would have to be trusted. */
function issuerOf(socket: TLSSocket): string | undefined {
  let certificate = socket.getPeerCertificate(true)
  while (certificate.issuerCertificate && certificate.issuerCertificate !== certificate) {
    if (certificate.issuerCertificate.fingerprint256 === certificate.fingerprint256) break
    certificate = certificate.issuerCertificate
  }
  const { CN, O } = certificate.issuer ?? {}
  const names = [CN, O].flat().filter((name) => name !== undefined && name !== '')
  return names.length === 0 ? undefined : quote(names.join(', '))
}
