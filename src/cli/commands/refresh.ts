// The refresh command: refreshes now, through the same coordinated path as every other refresh.
import { isoTime } from '../../bounds.ts'
import type { App } from '../../compose/app.ts'
import { keyOf } from '../../config/target.ts'
import { BridgeError } from '../../errors.ts'
import { present } from '../../present.ts'
import { withoutQueries } from '../../redaction/text.ts'
import type { ProcessIO } from '../process.ts'

type Parts = Pick<App, 'config' | 'storage' | 'oauth' | 'tokens'>

export async function refresh(app: Parts, { stderr }: ProcessIO): Promise<number> {
  const key = keyOf(app.config)
  const { tokens: store } = await app.storage.open()
  const { tokens: before } = await store.load(key)
  if (!before) throw new BridgeError('not_signed_in')
  if (before.refreshToken === undefined && before.grant === undefined)
    throw await refreshTokenMissing(app, before.issuer)
  const set = await (await app.tokens()).refreshNow()
  if (!set) {
    const { lastError: message } = await store.load(key)
    throw new BridgeError('token_expired', present({ message }))
  }
  const until = set.expiresAt === undefined ? '' : `; the new token is valid until ${isoTime(set.expiresAt)}`
  stderr.write(`Refreshed the sign-in to ${withoutQueries(key.server)}${until}.\n`)
  return 0
}

async function refreshTokenMissing({ oauth }: Pick<App, 'oauth'>, issuer: string): Promise<BridgeError> {
  const { name, withoutRefreshToken: hint } = (await oauth.rules())(issuer)
  return new BridgeError('refresh_token_missing', {
    message: `There is no refresh token: ${name ?? 'the authorization server'} did not issue one.`,
    ...(hint === undefined ? {} : { hint }),
  })
}
