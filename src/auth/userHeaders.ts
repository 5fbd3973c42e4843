// X-User-* headers from validated claims, encoded so that every value is safe in a header.
import { glob } from '../glob.ts'
import type { User } from '../records.ts'

/** Header name → claim name. */
export type UserHeaderMap = Readonly<Record<string, string>>

const LONGEST = 1024

/**
 * Claims that are text, number or boolean become headers; others are omitted.
 * Characters outside printable ASCII, and %, are percent-encoded as UTF-8, so `decodeURIComponent` returns the claim.
 */
export function userHeaders(user: User | undefined, map: UserHeaderMap): Record<string, string> {
  const headers: Record<string, string> = {}
  for (const [name, claim] of Object.entries(map)) {
    const value = claim === 'sub' ? user?.subject : user?.claims[claim]
    if (typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'boolean') continue
    const safe = claim === 'sub' ? edged(headerSafe(String(value))) : headerSafe(String(value)).trim()
    if (safe !== '' && safe.length <= LONGEST) headers[name] = safe
  }
  return headers
}

function headerSafe(value: string): string {
  return value.toWellFormed().replace(/[^\x20-\x24\x26-\x7e]+/g, (part) => encodeURIComponent(part))
}

/** Two subjects that differ in a space at their end are two persons, and no header keeps one there. */
const edged = (subject: string) => subject.replace(/^ +| +$/g, (spaces) => encodeURIComponent(spaces))

/** `*` matches any text; case does not matter. */
export function matchesAny(name: string, patterns: readonly string[]): boolean {
  return patterns.some((pattern) => glob(pattern.toLowerCase())(name.toLowerCase()))
}
