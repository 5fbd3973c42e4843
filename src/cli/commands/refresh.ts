// The refresh command: refreshes now, through the same coordinated path as every other refresh.
import { isoTime } from '../../bounds.ts'
import type { App } from '../../compose/app.ts'
import { BridgeError } from '../../errors.ts'
import { withoutQueries } from '../../redaction/text.ts'

export async function refresh(composed: App): Promise<number> {
  const { server } = composed.key()
  const { tokens: store } = await composed.store()
  const { tokens: before } = await store.load(composed.key())
  if (!before) throw new BridgeError('not_signed_in')
  if (before.refreshToken === undefined && before.grant === undefined)
    throw await refreshTokenMissing(composed, before.issuer)
  const set = await (await composed.tokens()).refreshNow()
  if (!set) throw new BridgeError('token_expired')
  const until = set.expiresAt === undefined ? '' : `; the new token is valid until ${isoTime(set.expiresAt)}`
  composed.stderr.write(`Refreshed the sign-in to ${withoutQueries(server)}${until}.\n`)
  return 0
}

async function refreshTokenMissing(composed: App, issuer: string): Promise<BridgeError> {
  const { name, withoutRefreshToken: hint } = (await composed.rules())(issuer)
  return new BridgeError('refresh_token_missing', {
    message: `There is no refresh token: ${name ?? 'the authorization server'} did not issue one.`,
    ...(hint === undefined ? {} : { hint }),
  })
}
