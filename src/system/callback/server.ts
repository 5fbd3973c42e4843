// The callback listener: answers the redirect on loopback (RFC 8252 section 7.3), and the health requests.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { bareHost } from '../../bareHost.ts'
import { BridgeError } from '../../errors.ts'
import { ownCommand } from '../../ownCommand.ts'
import type { CallbackListener, Health } from '../../ports.ts'
import type { CallbackPage } from '../../records.ts'
import { portHolder } from '../process/portOwner.ts'
import { answerHealth } from './health.ts'
import { isNavigation } from './navigation.ts'
import { renderPage } from './page.ts'
import { foreignPeerText, isForeignPeer } from './peerUser.ts'

/** How long open connections may take to read their last response, in ms. */
const CLOSE_MS = 500

export const callbackServer: CallbackListener = {
  async listen(redirectUri, onCallback, health) {
    const url = new URL(redirectUri)
    const begun = performance.now()
    const aside = { health, upMs: () => performance.now() - begun }
    const handle = (request: IncomingMessage, response: ServerResponse) => {
      answer(request, response, url, onCallback, aside).catch(() =>
        plain(response, 500, 'The sign-in could not be completed'),
      )
    }
    const servers: Server[] = []
    const close = async () => void (await Promise.all(servers.map(closeServer)))
    try {
      for (const address of addressesOf(url)) {
        const server = await listenOn(address, Number(url.port || 80), handle)
        if (server) servers.push(server)
      }
    } catch (thrown) {
      await close()
      throw await portError(thrown, url)
    }
    if (servers.length === 0)
      throw new BridgeError('port_in_use', {
        message: `The callback address ${url.host} is not available on this computer.`,
      })
    return { close }
  },

  async onFreePort(redirectUri) {
    const url = new URL(redirectUri)
    const [address = ''] = addressesOf(url)
    const server = await listenOn(address, 0, () => undefined).catch(async (thrown) => {
      throw await portError(thrown, url)
    })
    const found = server?.address()
    if (server) await closeServer(server)
    if (typeof found === 'object' && found) url.port = String(found.port)
    return url.href
  },
}

/** Browsers resolve localhost to either family, so both listen. */
const addressesOf = (url: URL) => (url.hostname === 'localhost' ? ['127.0.0.1', '::1'] : [bareHost(url)])

/** undefined: this machine has no such address family. */
function listenOn(
  address: string,
  port: number,
  handle: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<Server | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer({ requestTimeout: 10_000, maxHeaderSize: 32 * 1024 }, handle)
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRNOTAVAIL' || error.code === 'EAFNOSUPPORT') resolve(undefined)
      else reject(error)
    })
    server.listen(port, address, () => resolve(server))
  })
}

async function portError(thrown: unknown, url: URL): Promise<BridgeError> {
  const code = (thrown as NodeJS.ErrnoException).code
  if (code === 'EACCES') return notAllowed(url, thrown)
  if (code !== 'EADDRINUSE')
    return new BridgeError('port_in_use', {
      message: `The callback address ${url.host} cannot be used: ${code}.`,
      cause: thrown,
    })
  const holder = (await portHolder(Number(url.port || 80))) ?? 'another program'
  return new BridgeError('port_in_use', {
    message: `The callback address ${url.host} is in use by ${holder}.`,
    cause: thrown,
  })
}

/** Windows reserves ports in blocks of a hundred, for Hyper-V and others; elsewhere it is a port below 1024. */
export function notAllowed(url: URL, cause: unknown, platform: NodeJS.Platform = process.platform): BridgeError {
  const isWindows = platform === 'win32'
  return new BridgeError('port_in_use', {
    message: `The callback address ${url.host} cannot be used: ${isWindows ? 'Windows has reserved its port' : 'its port is only for root'} (EACCES).`,
    hint: isWindows
      ? 'Set callback_url to a port outside the reserved ranges that is registered with the provider. This lists them: netsh interface ipv4 show excludedportrange protocol=tcp'
      : 'Set callback_url to a port of 1024 or higher, such as 8080, and register it with the provider.',
    details: { system: 'EACCES' },
    cause,
  })
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    const force = setTimeout(() => server.closeAllConnections(), CLOSE_MS)
    server.close(() => {
      clearTimeout(force)
      resolve()
    })
    server.closeIdleConnections()
  })
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  url: URL,
  onCallback: (query: URLSearchParams) => Promise<CallbackPage>,
  aside: Aside,
): Promise<void> {
  const target = URL.canParse(request.url ?? '', url.origin) ? new URL(request.url ?? '', url.origin) : undefined
  if (!isOurHost(request.headers.host, url)) return plain(response, 403, 'Forbidden')
  if (target?.pathname !== url.pathname) return answerAside(request, target?.pathname ?? '', response, aside)
  if (request.method !== 'GET') return plain(response, 405, 'Method not allowed')
  if (!isNavigation(request.headers)) return plain(response, 403, 'Forbidden')
  if (isForeignPeer(request.socket)) return plain(response, 403, foreignPeerText())
  const page = await onCallback(target.searchParams)
  if (page.kind === 'again') return redirect(response, page.authorizationUrl)
  const status = page.kind === 'done' ? 200 : 400
  if (page.kind === 'invalid_state' && !/text\/html/.test(request.headers.accept ?? ''))
    return plain(response, status, 'Invalid state')
  const { html, policy } = renderPage(page)
  send(response, status, 'text/html; charset=utf-8', html, { 'content-security-policy': policy })
}

interface Aside {
  readonly health: Health | undefined
  readonly upMs: () => number
}

/** Paths of the HTTP gateway; people try them on this port when they follow its guide. */
const GATEWAY = /^\/(auth\/(login|refresh)|mcp(\/.*)?)$/

async function answerAside(
  { method, headers }: IncomingMessage,
  path: string,
  response: ServerResponse,
  { health, upMs }: Aside,
): Promise<void> {
  if (GATEWAY.test(path))
    return plain(
      response,
      404,
      `${path} belongs to the HTTP gateway, and this is the callback port of a sign-in: ${ownCommand('serve')}`,
    )
  if (method !== 'GET') return plain(response, 404, 'Not found')
  if (!isNavigation(headers)) return plain(response, 403, 'Forbidden')
  const answered = health && (await answerHealth(path, health, upMs()))
  if (!answered) return plain(response, 404, 'Not found')
  send(response, answered.status, 'application/json', JSON.stringify(answered.body))
}

/** A page of another site that points its name at loopback (DNS rebinding) sends its own name as Host. */
function isOurHost(host: string | undefined, url: URL): boolean {
  const port = url.port === '' ? '' : `:${url.port}`
  return [url.host, `localhost${port}`, `127.0.0.1${port}`, `[::1]${port}`].includes(host ?? '')
}

const plain = (response: ServerResponse, status: number, text: string) =>
  send(response, status, 'text/plain; charset=utf-8', `${text}\n`)

/** Redirects back to the authorization server, without this response in the address or the history. */
const redirect = (response: ServerResponse, location: string) =>
  send(response, 303, 'text/plain; charset=utf-8', '', { location })

function send(
  response: ServerResponse,
  status: number,
  type: string,
  body: string,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, {
    'content-type': type,
    'cache-control': 'no-store',
    'referrer-policy': 'no-referrer',
    'x-content-type-options': 'nosniff',
    connection: 'close',
    ...headers,
  })
  response.end(body)
}
