// One request to the MCP server, authorized: a refused one is sent once more after the authorizer has seen to it.
import { BridgeError } from '../errors.ts'
import type { Authorizer, Cause, HttpClient, HttpRequest, HttpResponse } from '../ports.ts'

export type Send = (
  request: Omit<HttpRequest, 'url' | 'idleMs'> & { idleMs?: number },
  cause: Cause,
) => Promise<HttpResponse>

/** Custom headers never override those of the protocol. `idleMs` is the default for requests that name none. */
export function createSend(http: HttpClient, authorizer: Authorizer, url: URL, idleMs: number): Send {
  return async (request, cause) => {
    const attempt = async () => {
      const authorization = await authorizer.headers(request.method)
      const headers = { ...without(authorization, request.headers), ...request.headers }
      const response = await http.request({ idleMs, ...request, url, headers })
      const again = response.headers['dpop-nonce'] === undefined ? undefined : await authorizer.onNonce(response)
      return { response, authorization, again }
    }
    const withNonce = async () => {
      const first = await attempt()
      if (first.again === undefined) return first
      first.response.discard()
      return attempt()
    }
    const first = await withNonce()
    if (!isChallenge(first.response)) return first.response
    first.response.discard()
    await authorizer.onChallenge(first.response, first.authorization, cause)
    const { response } = await withNonce()
    if (!isChallenge(response)) return response
    response.discard()
    // Another token is not what is missing: the authorizer knows the words for what a 403 asks.
    if (response.status === 403) await authorizer.onChallenge(response, first.authorization, cause)
    throw new BridgeError(response.status === 403 ? 'insufficient_scope' : 'unauthorized', {
      details: { status: response.status },
    })
  }
}

/** A 403 without a challenge is the server's last word, not a question for another token. */
const isChallenge = ({ status, headers }: HttpResponse) =>
  status === 401 || (status === 403 && headers['www-authenticate'] !== undefined)

/** Header names are the same in any case. */
function without(
  headers: Readonly<Record<string, string>>,
  ours: Readonly<Record<string, string>>,
): Record<string, string> {
  const names = new Set(Object.keys(ours).map((name) => name.toLowerCase()))
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !names.has(name.toLowerCase())))
}
