// POST /auth/refresh: refreshes the caller's tokens at their provider now, and gives out none of them
import { asBridgeError, type BridgeError } from '../../errors.ts'
import { sendJson } from '../http/answer.ts'
import { createChallenge } from '../http/protectedResource.ts'
import type { Handler } from '../ports.ts'
import type { SignInOptions } from './deps.ts'
import { logFailed, statusOf, toldOf } from './outcome.ts'

export function createRefreshEndpoint({ callerOf, tokens, settings, log }: SignInOptions): Handler {
  const challenge = createChallenge(settings.publicUrl)
  // Of several servers, none is the one that was meant.
  const only = settings.servers.length === 1 ? settings.servers[0] : undefined
  return async (request, response) => {
    const caller = await callerOf(request)
    if (!caller) {
      const cameWith = request.headers.authorization !== undefined
      const body = {
        error: cameWith ? 'invalid_token' : 'unauthorized',
        error_description: 'Send an access token that this gateway issued: Authorization: Bearer TOKEN.',
      }
      return sendJson(response, 401, body, {
        'www-authenticate': challenge(only, cameWith ? 'invalid_token' : undefined),
      })
    }
    const result = await tokens.refreshNow(caller.person).catch((thrown: unknown) => asBridgeError(thrown))
    if (!('code' in result)) {
      const { expiresAt } = result
      const at = expiresAt === undefined ? null : new Date(expiresAt).toISOString()
      return sendJson(response, 200, { refreshed: true, expires_at: at })
    }
    logFailed(log, 'gateway:refresh', result)
    const { code, message, hint } = toldOf(result)
    sendJson(response, isKept(result) ? 409 : statusOf(result), {
      refreshed: false,
      error: code,
      error_description: message,
      hint,
    })
  }
}

/** The tokens are as they are. */
const isKept = ({ code }: BridgeError) => code === 'refresh_token_missing' || code === 'token_expired'
