// Registers what is removed from every quoted or logged text: secrets by kind, and account names; never words of our own messages.
import { isKnown, rememberAccount, rememberSecret, type SecretKind } from './known.ts'
import { unescaped } from './spellings.ts'

/**
 * From now on, these are removed from every text that is quoted or logged. Configured values are always secret; a server
 * may call anything a token, even a word of our own messages.
 */
export function registerSecret(secrets: readonly (string | undefined)[], kind: SecretKind = 'configured'): void {
  for (const secret of secrets) {
    if (secret === undefined || isKnown(secret, kind)) continue
    if (kind === 'configured' || !isOwnWord(secret)) rememberSecret(secret, kind)
  }
}

/** Like {@link registerSecret}, for values that a server may change with every response: only the newest are kept. */
export function registerRotatingSecret(secret: string, kind: 'cookie' | 'session' = 'cookie'): void {
  if (!/\s/.test(secret)) registerSecret([secret], kind)
}

const plainTexts = new Set<string>()
let tellOwnTexts = () => ''
let ownTexts: string | undefined

/** The program's own messages, requested when a secret is first registered. */
export function nameOwnTexts(tell: () => string): void {
  tellOwnTexts = tell
}

/** Texts without secrets, such as a server's address: they stay readable, whatever a server sets. */
export function keepReadable(texts: readonly (string | undefined)[]): void {
  for (const text of texts) if (text !== undefined && plainTexts.size < 1_000) plainTexts.add(text)
}

/** An ordinary word, or part of our own messages: removing it would make every text unreadable. */
const isOwnWord = (secret: string) =>
  [secret, unescaped(secret)].some((text) => /^[A-Z]?[a-z]{1,19}$/.test(text) || isOwnText(text))

function isOwnText(part: string): boolean {
  ownTexts ??= tellOwnTexts()
  return ownTexts.includes(part) || [...plainTexts].some((text) => text.includes(part))
}

/** Names of accounts: shown to a person, but not in a log. */
export function registerAccounts(names: readonly unknown[]): void {
  for (const name of names) if (typeof name === 'string' && !isOwnText(name)) rememberAccount(name)
}
