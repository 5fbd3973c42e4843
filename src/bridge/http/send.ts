// One authorized request to the MCP server; a refused one is sent again after the authorizer has handled the refusal.
import { BridgeError } from '../../errors.ts'
import type { Authorizer, Cause, Clock, HttpClient, HttpResponse } from '../../ports.ts'
import { type Answer, createAttempt, drop, type SendRequest } from './attempt.ts'
import { isAboutAnswer, isRefusal, isRefusedStatus, withWords, wordsIn } from './refusal.ts'
import { plain } from './response.ts'
import { createStanding } from './standing.ts'

/** @throws BridgeError session_lost when the session is refused and not the token, unauthorized, insufficient_scope, redirect_refused, … */
export type Send = (request: SendRequest, cause: Cause) => Promise<HttpResponse>

/**
 * Custom headers never override those of the protocol. `idleMs` is the default for requests that name none. `clock`: open streams end after
 * a sleep; left out, they do not.
 */
export function createSend(http: HttpClient, authorizer: Authorizer, url: URL, idleMs: number, clock?: Clock): Send {
  const standing = createStanding(authorizer, clock)
  const attempt = createAttempt({ http, authorizer, url, idleMs, standing })
  /** A request in the background was refused with a new token too: no other one is spent for those. */
  let isHopeless = false
  /** The bearer that was obtained for one of them: where several cross, its refusal is the same refusal. */
  let spent: string | undefined
  /** A bearer that was refused in a session begun with another one: a new session shows whether it is the bearer. */
  let doubtful: string | undefined

  /** Lets the authorizer handle a refusal; throws if the request cannot be sent again. */
  const settle = async (request: SendRequest, { response, authorization, about }: Answer, why: Cause) => {
    // A 401 is seldom the end, so that nobody waits for its body.
    const words = about === 'scope' ? await wordsFor(request, response) : await wordsIn(response)
    drop(request, response)
    const status = about === 'scope' ? 403 : 401
    await authorizer.onChallenge({ status, headers: response.headers }, authorization, why).catch((thrown: unknown) => {
      throw isAboutAnswer(thrown, words) ? withWords(thrown, url, response.status, words) : thrown
    })
  }

  const refusal = async (request: SendRequest, { response, about }: Answer) => {
    const words = await wordsFor(request, response)
    response.discard()
    const { status } = response
    const error = new BridgeError(about === 'scope' ? 'insufficient_scope' : 'unauthorized', { details: { status } })
    return withWords(error, url, status, words)
  }

  /** What a refusal leads to; `first` was refused. */
  const answerTo = async (first: Answer, request: SendRequest, cause: Cause): Promise<Answer> => {
    if (request.isQuestion) {
      if (first.about !== 'token' || first.authorization.authorization !== undefined) return first
      await settle(request, first, cause)
      return attempt(request, 'again')
    }
    if (first.about === 'session') throw sessionRefused(request, first)
    if (cause === 'background' && (isHopeless || wasSentWith(first, spent))) throw await refusal(request, first)
    if (first.about === 'token' && wasSentWith(first, doubtful)) return giveUp(request, first, 'call')
    await settle(request, first, cause)
    if (cause === 'background') spent = (await authorizer.headers(request.method, request.url ?? url)).authorization
    const second = await again(request)
    if (second.about === undefined) return second
    if (second.about === 'session') {
      doubtful = second.authorization.authorization
      throw sessionRefused(request, second)
    }
    if (first.about === 'scope' || (second.about === 'token' && cause === 'background'))
      return giveUp(request, second, cause)
    if (second.about === 'token' && (await authorizer.onRefused?.(second.authorization)) !== 'ended')
      throw await refusal(request, second)
    // A token that was just obtained may hold too little for this request, or have ended: another question, and the last one.
    await settle(request, second, second.about === 'token' ? 'background' : cause)
    const last = await again(request)
    return last.about === undefined ? last : giveUp(request, last, cause)
  }

  /** Where a redirect stays, the new token is refused too. */
  const again = async (request: SendRequest) => {
    try {
      return await attempt(request, 'again')
    } catch (thrown) {
      if (thrown instanceof BridgeError && thrown.code === 'redirect_refused')
        await authorizer.onRefused?.(await authorizer.headers(request.method, request.url ?? url))
      throw thrown
    }
  }

  const giveUp = async (request: SendRequest, last: Answer, cause: Cause): Promise<never> => {
    if (cause === 'background') isHopeless = true
    else if (last.about === 'token') await authorizer.onRefused?.(last.authorization)
    // One request never leads to two sign-ins; the authorizer only words the error of a 403.
    if (last.about === 'scope') await settle(request, last, 'background')
    throw await refusal(request, last)
  }

  return async (request, cause) => {
    try {
      const first = await attempt(request, 'first')
      // A session that ends is not worth a refresh.
      const isLast = first.about === undefined || request.method === 'DELETE'
      const { response } = isLast ? first : await answerTo(first, request, cause)
      if (response.status < 300) {
        doubtful = undefined
        if (cause === 'background') {
          isHopeless = false
          spent = undefined
        }
      }
      if (request.whenOutlived && isRefusedStatus(response.status)) standing.park(request.whenOutlived)
      return plain(response)
    } catch (thrown) {
      if (request.whenOutlived && isRefusal(thrown)) standing.park(request.whenOutlived)
      throw thrown
    }
  }
}

const wasSentWith = ({ authorization: { authorization } }: Answer, bearer: string | undefined) =>
  bearer !== undefined && authorization === bearer

function sessionRefused(request: SendRequest, { response }: Answer): BridgeError {
  drop(request, response)
  return new BridgeError('session_lost')
}

/** The body of a stream may never end. */
const wordsFor = ({ method }: SendRequest, response: HttpResponse) =>
  wordsIn(response, method === 'POST' ? () => plain(response) : undefined)
