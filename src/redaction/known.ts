// The secrets of this process, and how to find them in a text, in whatever encoding a server repeats them.
import { replaceFound, rewritten, type Span, unescaped } from './spellings.ts'

/** The kind of a secret: each has its own limit, so that one server cannot displace the secrets of others. */
export type SecretKind = 'configured' | 'client' | 'token' | 'flow' | 'session' | 'cookie'

/** How many of each kind are kept, the newest. Configured secrets are limited by the size of the config file. */
const MOST: Readonly<Record<SecretKind, number>> = {
  configured: 10_000,
  client: 100,
  token: 200,
  flow: 200,
  session: 20,
  cookie: 200,
}

/** Shorter values occur in ordinary text. */
const SHORTEST = 8
/** From this length on, a secret is also found across line breaks and in other case: so many characters do not match by accident. */
const LONG = 16
/** Longer texts are searched only for the plain forms. */
const LONGEST_LOOSE = 64 * 1024

interface Forms {
  readonly plain: readonly string[]
  readonly loose: readonly string[]
}

/** Each secret with its forms, once somebody has looked for it: a process with many persons gets new secrets all the time. */
const known = new Map<SecretKind, Map<string, Forms | undefined>>()
/** The forms to look for. Rebuilt after a change. */
let forms: Forms | undefined

/** True if it is known, and then marked as the newest of its kind: servers set the same cookie with every response. */
export function isKnown(secret: string, kind: SecretKind): boolean {
  const kept = known.get(kind)
  if (!kept?.has(secret)) return false
  const of = kept.get(secret)
  kept.delete(secret)
  kept.set(secret, of)
  return true
}

/** A new secret. */
export function rememberSecret(secret: string, kind: SecretKind): void {
  if (secret.length < SHORTEST) return
  const kept = known.get(kind) ?? new Map()
  known.set(kind, kept)
  forms = undefined
  kept.set(secret, undefined)
  const [oldest] = kept.keys()
  if (kept.size > MOST[kind] && oldest !== undefined) kept.delete(oldest)
}

export const HIDDEN = '[hidden]'

export const hideKnown = (text: string): string => replaceFound(text, findKnown, HIDDEN)

export function findKnown(text: string): Span[] {
  if (known.size === 0) return []
  forms ??= allForms()
  const { plain, loose } = forms
  const spans: Span[] = []
  for (const form of plain) addSpans(spans, text, form)
  return loose.length === 0 || text.length > LONGEST_LOOSE ? spans : [...spans, ...findLoose(text, loose)]
}

function allForms(): Forms {
  const plain = new Set<string>()
  const loose = new Set<string>()
  for (const [kind, secrets] of known) {
    for (const [secret, found] of secrets) {
      const one = found ?? formsOf(secret, kind)
      secrets.set(secret, one)
      for (const form of one.plain) plain.add(form)
      for (const form of one.loose) loose.add(form)
    }
  }
  return { plain: [...plain], loose: [...loose] }
}

function formsOf(secret: string, kind: SecretKind): Forms {
  const bare = unescaped(secret)
  const plain = [...new Set([secret, bare, ...encoded(secret)])].filter((form) => form.length >= SHORTEST)
  // A server chooses these itself: it must not be able to choose a sentence of ours without its spaces.
  if (kind === 'session' || kind === 'cookie' || secret.length < LONG) return { plain, loose: [] }
  const loose = [secret, bare].map((form) => lower(form.replace(GAP, ''))).filter((form) => form.length >= LONG)
  return { plain, loose: [...loose, Buffer.from(secret).toString('hex')] }
}

/** As a form and base64 have it, beyond escapes; for base64, also the part that does not depend on the following bytes. */
function encoded(secret: string): string[] {
  const bytes = Buffer.from(secret)
  const parts = [bytes, bytes.subarray(0, bytes.length - (bytes.length % 3))]
  return [
    secret.replaceAll(' ', '+'),
    ...parts.flatMap((part) => [part.toString('base64'), part.toString('base64url')]),
  ]
}

/** What may occur between the characters of a secret with line breaks. */
const GAP = /[\s\p{Cc}\p{Cf}]+/gu

/** Only ASCII, so that every character keeps its position. */
const lower = (text: string) => text.replace(/[A-Z]+/g, (run) => run.toLowerCase())

function findLoose(text: string, secrets: readonly string[]): Span[] {
  const bare = rewritten(text, GAP, () => '')
  const searched = lower(bare?.text ?? text)
  const spans: Span[] = []
  for (const secret of secrets) addSpans(spans, searched, secret)
  return bare ? spans.map(bare.placeOf) : spans
}

function addSpans(spans: Span[], text: string, form: string): void {
  for (let at = text.indexOf(form); at !== -1; at = text.indexOf(form, at + form.length))
    spans.push([at, at + form.length])
}

const MOST_ACCOUNTS = 100
const SHORTEST_ACCOUNT = 3
const accounts = new Set<string>()

/** Names of accounts: shown to a person, but not logged. */
export function rememberAccount(name: string): void {
  if (name.length < SHORTEST_ACCOUNT || accounts.has(name)) return
  accounts.add(name)
  const [oldest] = accounts
  if (accounts.size > MOST_ACCOUNTS && oldest !== undefined) accounts.delete(oldest)
}

/** Bounded on both sides, so that no character is read twice (RFC 5321 section 4.5.3.1). */
const E_MAIL = /[\p{L}\p{N}._%+'-]{1,64}@[\p{L}\p{N}-]{1,63}(?:\.[\p{L}\p{N}-]{1,63}){0,8}/gu

export const hideAccounts = (text: string): string => replaceFound(text, findAccounts, '[account]')

function findAccounts(text: string): Span[] {
  const named = [...accounts]
    .filter((name) => text.includes(name))
    .map((name) => new RegExp(`(?<![\\p{L}\\p{N}])${escaped(name)}(?![\\p{L}\\p{N}])`, 'gu'))
  return [...named, E_MAIL].flatMap((pattern) =>
    [...text.matchAll(pattern)].map(({ index, 0: match }): Span => [index, index + match.length]),
  )
}

const escaped = (text: string) => text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')
