// Registers what is removed from every text: secrets by kind, and account names; never words of our own messages.
import { isKnown, rememberAccount, rememberSecret, type SecretKind } from './known.ts'

/**
 * From now on these are cut out of every text that is quoted or logged. What a person configured is believed to be secret; a server
 * may call anything a token, also a word of ours.
 */
export function registerSecret(secrets: readonly (string | undefined)[], kind: SecretKind = 'configured'): void {
  for (const secret of secrets) {
    if (secret === undefined || isKnown(secret, kind)) continue
    if (kind === 'configured' || !isOwnWord(secret)) rememberSecret(secret, kind)
  }
}

/** Like {@link registerSecret}, for what a server may set anew with every answer: only the newest are kept. */
export function registerRotatingSecret(secret: string, kind: 'cookie' | 'session' = 'cookie'): void {
  if (!/\s/.test(secret)) registerSecret([secret], kind)
}

const plainTexts = new Set<string>()
let tellOwnTexts = () => ''
let ownTexts: string | undefined

/** What this program says itself, asked for when a secret is first registered. */
export function nameOwnTexts(tell: () => string): void {
  tellOwnTexts = tell
}

/** Texts that name no secret, such as a server's address: whatever a server sets, they stay readable. */
export function keepReadable(texts: readonly (string | undefined)[]): void {
  for (const text of texts) if (text !== undefined && plainTexts.size < 1_000) plainTexts.add(text)
}

/** A word of any dictionary, or part of what we say ourselves: cutting it out would blind every text. */
const isOwnWord = (secret: string) => /^[A-Z]?[a-z]{1,19}$/.test(secret) || isOwnText(secret)

function isOwnText(part: string): boolean {
  ownTexts ??= tellOwnTexts()
  return ownTexts.includes(part) || [...plainTexts].some((text) => text.includes(part))
}

/** Names of accounts: a person is shown who signed in, a log and its readers are not. */
export function registerAccounts(names: readonly unknown[]): void {
  for (const name of names) if (typeof name === 'string' && !isOwnText(name)) rememberAccount(name)
}
