// Checks the server's certificate as the bridge does, with the chain as evidence.
import { isIP } from 'node:net'
import { connect, type PeerCertificate } from 'node:tls'
import { bareHost } from '../../bareHost.ts'
import { BridgeError } from '../../errors.ts'
import { quote } from '../../redaction/text.ts'
import { isLoopback } from '../../secureUrl.ts'
import { reasonOf } from '../../system/http/errors.ts'
import { isAboutCertificate, tlsFailed } from '../../system/http/tlsErrors.ts'
import type { Check, CheckContext } from '../report/context.ts'
import { portOf } from '../report/dial.ts'
import { fail, failed, type Outcome, pass, skip, warn } from '../report/finding.ts'

const DAY_MS = 24 * 60 * 60 * 1000

export const tls: Check = {
  name: 'tls',
  about: 'server',
  async run(context, findings, signal) {
    const url = new URL(context.server?.url ?? '')
    if (url.protocol === 'http:' && !isLoopback(url.hostname)) {
      const remedy = 'Ask its owner for https, then remove allow_http. Until then, use it only on a network you trust.'
      return warn(
        'Everything, including the token, is sent unencrypted because allow_http is set.',
        remedy,
        'insecure_url',
      )
    }
    if (url.protocol !== 'https:') return skip('The URL is http, on this machine.')
    if (findings.down) return skip('The server cannot be reached.')
    if (findings.proxied) return throughProxy(await refusal(context, url, signal))
    const seen = await look(url, signal)
    if (seen instanceof Error) {
      findings.down = true
      return failed(tlsFailed(url.origin, reasonOf(seen), undefined, seen))
    }
    return judge(url, seen, await refusal(context, url, signal), context.clock.now())
  },
}

interface Seen {
  readonly certificate: PeerCertificate
  readonly protocol: string
}

/** The certificate, or why there was none. */
function look(url: URL, signal: AbortSignal): Promise<Seen | Error> {
  const host = bareHost(url)
  return new Promise((resolve) => {
    const name = isIP(host) ? {} : { servername: host }
    // An invalid chain is inspected too; no request is sent over this connection.
    const socket = connect({ ...name, host, port: portOf(url), ALPNProtocols: ['http/1.1'], rejectUnauthorized: false })
    const settle = (seen: Seen | Error) => {
      socket.destroy()
      resolve(seen)
    }
    signal.addEventListener('abort', () => socket.destroy(), { once: true })
    socket.once('error', settle)
    socket.once('secureConnect', () =>
      settle({ certificate: socket.getPeerCertificate(true), protocol: socket.getProtocol() ?? 'TLS' }),
    )
  })
}

/** Why a request of the bridge itself does not accept the certificate; undefined: it does, or fails for another reason. */
async function refusal({ http }: CheckContext, url: URL, signal: AbortSignal): Promise<BridgeError | undefined> {
  try {
    const response = await http.request({
      method: 'GET',
      url: new URL('/', url),
      headers: {},
      idleMs: 10_000,
      signal,
    })
    response.discard()
  } catch (thrown) {
    if (thrown instanceof BridgeError && thrown.code === 'tls_failed') return thrown
  }
  return undefined
}

const throughProxy = (refused: BridgeError | undefined): Outcome =>
  refused ? failed(refused) : skip('The connection goes through a proxy, and no certificate problem was found.')

function judge(url: URL, { certificate, protocol }: Seen, refused: BridgeError | undefined, now: number): Outcome {
  const { issuer, valid_to: until } = certificate
  const by = [issuer?.O, issuer?.CN].filter(Boolean).flat().join(' ') || 'an unnamed issuer'
  const chain = `issued by ${quote(by)}, valid until ${until}`
  if (refused !== undefined) {
    const reason = String(refused.details.reason)
    if (!isAboutCertificate(reason)) return failed(refused)
    const remedy = /EXPIRED|NOT_YET_VALID/.test(reason)
      ? 'Check the clock of this computer (date); if it is right, the server’s owner must renew the certificate.'
      : refused.hint
    return fail('tls_failed', `The certificate of ${url.host} was not accepted: ${reason}; it is ${chain}.`, remedy)
  }
  const days = Math.floor((Date.parse(until) - now) / DAY_MS)
  const text = `${protocol}, certificate ${chain}.`
  return days < 7 ? warn(`${text} It ends in ${days} days.`, 'Tell the server’s owner to renew it.') : pass(text)
}
