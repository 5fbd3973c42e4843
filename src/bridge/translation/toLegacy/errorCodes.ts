// The error codes of a 2025 server as 2026 has them: codes that 2026-07-28 has retired or reserved become those that it has for the same ("Overview: Error Codes").
import { MISSING_CAPABILITY, mayAsk } from '../../era/revisions.ts'
import { INTERNAL_ERROR, INVALID_PARAMS } from '../../message/ours.ts'
import { type Bytes, find, valueIn } from '../../message/pick.ts'
import type { Change } from '../../message/splice.ts'
import type { HostCan } from '../hostCan.ts'

/** A resource that is not there (2025-11-25, "Resources"). */
const NOT_FOUND = -32002
/** A page has to be visited first (2025-11-25, "URL Elicitation Required Error"). */
export const URL_REQUIRED = -32042

/** The capability that a host lacks which cannot be asked to show a page. */
const SHOWS_PAGES = '{"elicitation":{"url":{}}}'

export const errorCode = (bytes: Bytes): unknown => valueIn(bytes, find(bytes, ['error', 'code']))

/**
 * What changes in an error, whose message and data stay. The codes that 2026 itself gives stay too: whoever knows the era of the server
 * tells whether they are meant.
 */
export function errorChanges(bytes: Bytes, method: string, { modes }: HostCan): readonly Change[] {
  const code = errorCode(bytes)
  if (code === NOT_FOUND) return [codeOf(INVALID_PARAMS)]
  if (code !== URL_REQUIRED) return isReserved(code) ? [codeOf(INTERNAL_ERROR)] : []
  if (modes.has('url') || !mayAsk(method)) return [codeOf(INTERNAL_ERROR)]
  return [codeOf(MISSING_CAPABILITY), { path: ['error', 'data', 'requiredCapabilities'], json: SHOWS_PAGES }]
}

/** In the range that only the specification defines codes in, and none of those that it has defined. */
const isReserved = (code: unknown) => typeof code === 'number' && code >= -32099 && code < MODERN_LOWEST

/** The lowest code that 2026-07-28 defines. */
const MODERN_LOWEST = -32022

const codeOf = (code: number): Change => ({ path: ['error', 'code'], json: String(code) })
