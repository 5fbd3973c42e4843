// POST /auth/refresh: refreshes the caller's tokens at their provider now, and gives out none of them
import { asBridgeError, type BridgeError } from '../../errors.ts'
import type { Handler } from '../ports.ts'
import type { SignInOptions } from './deps.ts'
import { statusOf, toldOf } from './outcome.ts'
import { sendJson } from './page.ts'

export function createRefreshEndpoint({ callerOf, tokens, settings, log }: SignInOptions): Handler {
  const challenge = (error: string) => {
    const [server] = settings.servers
    const metadata = `${new URL(settings.publicUrl).origin}/.well-known/oauth-protected-resource${server?.path ?? '/mcp'}`
    return `Bearer resource_metadata="${metadata}", scope="mcp"${error}`
  }
  return async (request, response) => {
    const caller = await callerOf(request)
    if (!caller) {
      const came = request.headers.authorization === undefined ? '' : ', error="invalid_token"'
      const body = {
        error: came === '' ? 'unauthorized' : 'invalid_token',
        error_description: 'Send an access token that this gateway issued: Authorization: Bearer TOKEN.',
      }
      return sendJson(response, 401, body, { 'www-authenticate': challenge(came) })
    }
    const result = await tokens.refreshNow(caller.person).catch((thrown: unknown) => asBridgeError(thrown))
    if (!('code' in result)) {
      const { expiresAt } = result
      const at = expiresAt === undefined ? null : new Date(expiresAt).toISOString()
      return sendJson(response, 200, { refreshed: true, expires_at: at })
    }
    log.info('gateway:refresh', { outcome: 'refused', code: result.code, message: result.message })
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
