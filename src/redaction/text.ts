// Makes untrusted text safe for an error, a log or a terminal.
import { findKnown, HIDDEN, hideAccounts } from './known.ts'
import { replaceFound, type Span } from './spellings.ts'

/** Untrusted text for a message or a log: JSON-quoted, cut to `most` characters, without terminal or bidi controls, secrets and URL queries. */
export function quote(text: string, most = 200): string {
  const start = text.slice(0, LONGEST_QUOTED)
  const plain = withoutQueries(withoutSecrets(withoutControls(start)))
  if (plain.length > most) return JSON.stringify(`${plain.slice(0, most)}…`)
  // Nearly all of the start was secret, and what stands at its end may be part of another one.
  return JSON.stringify(start.length === text.length ? plain : '…')
}

/** Of megabytes, only the start is looked through, in characters. */
const LONGEST_QUOTED = 64 * 1024

/** Without these names, and without any e-mail address. */
export const withoutAccounts = (text: string): string => hideAccounts(text)

/**
 * Bearer tokens, JWTs and the query parameters of OAuth, wherever an untrusted text repeats them. A sender of megabytes must not
 * make a pattern read the same characters repeatedly: no pattern here can fail after an unbounded match.
 */
export const withoutSecrets = (text: string): string => replaceFound(text, findSecrets, HIDDEN)

const findSecrets = (text: string): Span[] => [
  ...findKnown(text),
  ...findValues(text, SCHEME, ([, value = '']) => (isProse(value) ? undefined : value)),
  ...findValues(text, JWT, ([token, rest]) => (rest === undefined ? undefined : token)),
  ...findValues(text, NAMED, ([, name = '', separator = '', value = '']) =>
    SAYS_WHAT.test(name) && separator.includes(':') && IS_WORD.test(value) ? undefined : value,
  ),
]

/** `secretOf` returns the end of the match that is a secret, if it is one. */
const findValues = (text: string, pattern: RegExp, secretOf: (match: RegExpExecArray) => string | undefined): Span[] =>
  [...text.matchAll(pattern)].flatMap((match) => {
    const end = match.index + match[0].length
    const secret = secretOf(match)
    return secret === undefined ? [] : [[end - secret.length, end]]
  })

const SCHEME = /\b(?:bearer|basic|dpop)\s+([\w.~+/=-]+)/gi
const JWT = /\beyJ[\w-]+(\.[\w-]+(\.[\w-]*)?)?/g
const NAMED =
  /\b(code|state|access_token|refresh_token|id_token|client_secret|code_verifier|token)([\\"']*\s*[=:]\s*[\\"']*)([\w.~+/%-]{6,})/gi

const isProse = (value: string) => PROSE.has(value.toLowerCase().replace(/[.-]+$/, ''))

/** What follows the name of a scheme in a sentence: `Bearer token required`. */
const PROSE = new Set(
  `access and are auth authentication authorization bound challenge credential credentials error expected header is missing must not
  nonce only or proof realm required scheme token tokens type was`.split(/\s+/),
)
/** Members that JSON-RPC, and servers in their errors, use for what went wrong. */
const SAYS_WHAT = /^(code|state|token)$/i
/** A JSON-RPC code, or words as they stand for an error: `-32600`, `expired`, `SESSION_NOT_FOUND`. */
const IS_WORD = /^(?:-\d{1,6}|[A-Z]?[a-z]{1,19}(?:_[a-z]{1,19}){0,5}|[A-Z]{1,19}(?:_[A-Z]{1,19}){0,5})[.]?$/

/** Every http(s) URL in a text, also as PHP writes it in JSON, without its query: people and servers put keys, codes and states there. */
export function withoutQueries(text: string): string {
  return text.replace(
    /(\bhttps?:(?:\\{0,8}\/){2}[^\s"'<>?#]*)(\?[^\s"'<>]*)?/gi,
    (url, start: string, query?: string) => (query === undefined ? url : `${start}?…`),
  )
}

/** Untrusted text for a person: no escape sequences, no line breaks, nothing invisible, nothing that changes the writing direction. */
export function withoutControls(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ' ')
}
