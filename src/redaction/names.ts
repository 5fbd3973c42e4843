// Which parts of a config or command line may be secrets and must not be copied. When in doubt, they are secrets.

/** Names of headers, parameters and keys whose value is a credential. */
const SECRET_NAME = /auth(?!or\b)|cookie|credential|key|pass|secret|session|signature|token/i

/** A sequence that no person would choose: long, with letters and digits. */
const OPAQUE = /(?=[\w~+=-]*\d)(?=[\w~+=-]*[a-z])[\w~+=-]{16,}/i

/** `${NAME}` and nothing else of weight: the secret itself is in the environment. */
const withoutReferences = (text: string) => text.replace(/\$\{\w+\}/g, '')

export function isSecretHeader(name: string, value: string): boolean {
  const literal = withoutReferences(value).replace(/^\s*(bearer|basic|token)\s*$/i, '')
  return literal.trim() !== '' && (SECRET_NAME.test(name) || OPAQUE.test(literal))
}

const UUID = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i

/** Whether one part of an address may be a key. */
export const isOpaque = (text: string): boolean => OPAQUE.test(text)

/**
 * Whether one part of an address's path is most likely a key and not a name: sixteen characters of words that mix letters and
 * digits. A name that a person gave, such as customer-support-v2, has few of them.
 */
export function isKey(part: string): boolean {
  const mixed = part.split(/[^\p{L}\p{N}]+/u).filter((word) => /\d/.test(word) && /\p{L}/u.test(word))
  return UUID.test(part) || mixed.join('').length >= 16
}

/** Some users put API keys into the path or the query of a server's URL. */
export function isSecretUrl(text: string): boolean {
  const literal = withoutReferences(text)
  if (!URL.canParse(literal)) return OPAQUE.test(literal)
  const { username, password, pathname, searchParams } = new URL(literal)
  const query = [...searchParams].some(([name, value]) => isSecretHeader(name, value))
  return username !== '' || password !== '' || query || OPAQUE.test(pathname)
}

/** True when a config tree, before `${NAME}` is filled in, contains a secret in plain text. */
export function holdsSecret(tree: unknown, path: readonly string[] = []): boolean {
  if (typeof tree === 'object' && tree !== null)
    return Object.entries(tree).some(([key, value]) => holdsSecret(value, [...path, key]))
  if (typeof tree !== 'string') return false
  const [key = '', parent] = [path.at(-1), path.at(-2)]
  if (parent === 'headers') return isSecretHeader(key, tree)
  if (/(^|_)url$/.test(key) || parent?.endsWith('_url')) return isSecretUrl(tree)
  return /(^|_)(key|password|secret|token)$/.test(key) && withoutReferences(tree) !== ''
}
