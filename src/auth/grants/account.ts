// Checks whether the account that signed in is the requested one, and says so if nobody can tell.
import { BridgeError } from '../../errors.ts'
import type { Logger } from '../../ports.ts'
import type { TokenSet, User } from '../../records.ts'
import { registerAccounts } from '../../redaction/register.ts'
import { quote } from '../../redaction/text.ts'
import type { TokenResponse } from '../tokens/tokenSet.ts'

/**
 * `wanted`: an exact subject (OpenID Connect Core section 2), or an e-mail address. Anybody can choose a name or preferred_username,
 * and the same applies to an e-mail address that the server calls unverified (section 5.7).
 */
export function isAccount(wanted: string, user: User | undefined): boolean {
  if (user === undefined) return false
  return user.subject === wanted || sameEmail(wanted, emailOf(user))
}

/** @throws BridgeError account_mismatch */
export function checkAccount(wanted: string | undefined, { user }: Pick<TokenSet, 'user'>): void {
  if (wanted === undefined || isAccount(wanted, user)) return
  const { email } = user?.claims ?? {}
  const names = [user?.subject, email].filter((name) => typeof name === 'string')
  registerAccounts([...names, wanted])
  const who = names.length === 0 ? 'an account without a name' : names.map((name) => quote(name)).join(' / ')
  const unverified = user !== undefined && typeof email === 'string' && emailOf(user) === undefined
  throw new BridgeError('account_mismatch', {
    message: `The sign-in was for ${quote(wanted)}, but the authorization server signed in ${who}${unverified ? ', whose e-mail address is not verified' : ''}.`,
    ...(unverified
      ? { hint: `Verify the e-mail address there, or pass the subject: --account ${quote(user.subject)}` }
      : {}),
  })
}

function emailOf({ claims }: User): string | undefined {
  const { email, email_verified: verified } = claims
  return typeof email === 'string' && email.includes('@') && verified !== false && verified !== 'false'
    ? email
    : undefined
}

/** Ignores the case of ASCII letters only: beyond them, different letters would become equal, such as U+212A and k. */
const sameEmail = (wanted: string, email: string | undefined): boolean =>
  email !== undefined && lowered(wanted) === lowered(email)

const lowered = (text: string) => text.replace(/[A-Z]/g, (letter) => letter.toLowerCase())

/** The identity is unknown then, and no header names it. */
export function logIdToken(log: Logger, issuer: string, { idTokenProblem: problem }: TokenResponse): void {
  if (problem) log.info('oauth:id-token', { outcome: `${problem.outcome}, not needed`, reason: problem.reason, issuer })
}
