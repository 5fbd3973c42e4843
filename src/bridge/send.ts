// One request to the MCP server, authorized: a refused one is sent again after the authorizer has seen to it.
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
      const authorization = await authorizer.headers()
      const headers = { ...without(authorization, request.headers), ...request.headers }
      const response = await http.request({ idleMs, ...request, url, headers })
      return { response, authorization }
    }
    /** Has the authorizer see to a refusal; throws why the request cannot be sent once more. */
    const settle = async ({ response, authorization }: Awaited<ReturnType<typeof attempt>>, why: Cause) => {
      response.discard()
      await authorizer.onChallenge(response, authorization, why)
    }
    const first = await attempt()
    if (!isChallenge(first.response)) return first.response
    await settle(first, cause)
    const second = await attempt()
    if (!isChallenge(second.response)) return second.response
    let last = second
    if (first.response.status === 401 && second.response.status === 403) {
      // A token that was just obtained may hold too little for this request: another question, and the last one.
      await settle(second, cause)
      last = await attempt()
      if (!isChallenge(last.response)) return last.response
    }
    // Nobody is asked twice for one request; the authorizer only finds the words for what a 403 wants.
    if (last.response.status === 403) await settle(last, 'background')
    last.response.discard()
    const { status } = last.response
    throw new BridgeError(status === 403 ? 'insufficient_scope' : 'unauthorized', { details: { status } })
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
