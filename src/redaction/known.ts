// The secrets of this process, and how to find them in a text, in whatever encoding a server repeats them.

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
/** The forms to look for, the longest first: one secret may be part of another. Rebuilt after a change. */
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

export function hideKnown(text: string): string {
  if (known.size === 0) return text
  forms ??= allForms()
  let safe = text
  for (const form of forms.plain) if (safe.includes(form)) safe = safe.replaceAll(form, HIDDEN)
  const { loose } = forms
  if (loose.length === 0 || text.length > LONGEST_LOOSE) return safe
  return GAPS.reduce((left, gap) => hideLoose(left, loose, gap), safe)
}

const HIDDEN = '[hidden]'

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
  const longest = (one: string, other: string) => other.length - one.length
  return { plain: [...plain].sort(longest), loose: [...loose].sort(longest) }
}

function formsOf(secret: string, kind: SecretKind): Forms {
  const plain = [secret, ...encoded(secret)].filter((form) => form.length >= SHORTEST)
  // A server chooses these itself: it must not be able to choose a sentence of ours without its spaces.
  if (kind === 'session' || kind === 'cookie' || secret.length < LONG) return { plain, loose: [] }
  return { plain, loose: [lower(secret), lower(inUrl(secret)), Buffer.from(secret).toString('hex')] }
}

const inUrl = (secret: string) => encodeURIComponent(Buffer.from(secret).toString('utf8'))

/** As a URL, a form, JSON and base64 have it; for base64, also the part that does not depend on the following bytes. */
function encoded(secret: string): string[] {
  const bytes = Buffer.from(secret)
  const parts = [bytes, bytes.subarray(0, bytes.length - (bytes.length % 3))]
  return [
    inUrl(secret),
    inUrl(secret).replaceAll('%20', '+'),
    JSON.stringify(secret).slice(1, -1),
    ...parts.flatMap((part) => [part.toString('base64'), part.toString('base64url')]),
  ]
}

/** What may occur between the characters of a secret with line breaks: plain, and as JSON writes it. */
const GAPS = [/[\s\p{Cc}\p{Cf}]+/gu, /(?:\\[nrt]|[\s\p{Cc}\p{Cf}])+/gu]

/** Only ASCII, so that every character keeps its position. */
const lower = (text: string) => text.replace(/[A-Z]+/g, (run) => run.toLowerCase())

function hideLoose(text: string, secrets: readonly string[], gap: RegExp): string {
  const gaps = [...text.matchAll(gap)]
  const bare = lower(text.replace(gap, ''))
  const found = secrets.flatMap((secret) => spansOf(bare, secret)).sort(([one], [other]) => one - other)
  if (found.length === 0) return text
  // Maps a position in the bare text to the original text.
  let passed = 0
  let before = 0
  const placeOf = (bareAt: number) => {
    for (let gap = gaps[passed]; gap !== undefined && gap.index - before <= bareAt; gap = gaps[passed]) {
      before += gap[0].length
      passed++
    }
    return bareAt + before
  }
  let safe = ''
  let end = 0
  let bareEnd = 0
  for (const [start, stop] of found) {
    if (stop <= bareEnd) continue
    const from = placeOf(Math.max(start, bareEnd))
    safe += text.slice(end, from) + HIDDEN
    end = placeOf(stop - 1) + 1
    bareEnd = stop
  }
  return safe + text.slice(end)
}

function spansOf(text: string, secret: string): [number, number][] {
  const spans: [number, number][] = []
  for (let at = text.indexOf(secret); at !== -1; at = text.indexOf(secret, at + secret.length))
    spans.push([at, at + secret.length])
  return spans
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

export function hideAccounts(text: string): string {
  let safe = text
  for (const name of [...accounts].sort((one, other) => other.length - one.length))
    if (safe.includes(name))
      safe = safe.replace(new RegExp(`(?<![\\p{L}\\p{N}])${escaped(name)}(?![\\p{L}\\p{N}])`, 'gu'), '[account]')
  return safe.replace(E_MAIL, '[account]')
}

const escaped = (text: string) => text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')
