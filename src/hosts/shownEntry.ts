// An entry of a host's file as a person may see it: without what may be a secret in its words and variables.
import { isSecretHeader, isSecretUrl } from '../redaction/names.ts'
import type { JsonObject } from './format/jsonText.ts'

const HIDDEN = '[hidden]'

/** As JSON, one member a line. */
export const shownEntry = (entry: JsonObject): string => JSON.stringify(shown('', entry), null, 2)

function shown(name: string, value: unknown): unknown {
  if (Array.isArray(value)) return value.map((word) => (typeof word === 'string' ? shownWord(word) : shown('', word)))
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, shown(key, inner)]))
  return typeof value === 'string' && isSecretHeader(name, value) && !isPath(value) ? HIDDEN : value
}

/** A URL, or a header or parameter with its value. */
function shownWord(word: string): string {
  if (/^\s*[[{]/.test(word)) return shownJson(word)
  if (URL.canParse(word) && word.includes('//')) return isSecretUrl(word) ? HIDDEN : word
  const [, name = '', value = ''] = /^([^:=]+[:=]\s*)(.*)$/s.exec(word) ?? []
  if (name === '' || isPath(word)) return word
  return isSecretHeader(name, value) ? `${name}${HIDDEN}` : word
}

/** Settings that a program takes as JSON, such as a client with its secret. */
function shownJson(word: string): string {
  try {
    return JSON.stringify(shown('', JSON.parse(word)))
  } catch {
    return HIDDEN
  }
}

/** Where a secret is, not the secret. */
const isPath = (text: string) => /^([a-z]:)?[\\/][^\s]*[\\/]/i.test(text)
