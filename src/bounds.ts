// The limits of every time: of numbers from outside (servers, stored rows, config), of one timer, and of what counts as a sleep of the machine.
import type { Clock } from './ports.ts'

/** The longest wait of one timer; Node turns a longer one into 1 ms. */
export const LONGEST_TIMER_MS = 2 ** 31 - 1
/** The last moment with a year of four digits: texts of later ones do not sort. */
const LAST_MOMENT = Date.parse('9999-12-31T23:59:59.999Z')
const YEAR_S = 365 * 24 * 60 * 60
/** The longest lifetime of a token; a longer one is shortened to it. */
const LONGEST_LIFE_S = 10 * YEAR_S
/** Between two polls of a device code (RFC 8628 section 3.5), in seconds. */
const SHORTEST_POLL_S = 1
const LONGEST_POLL_S = 5 * 60
/** Device codes live for minutes (RFC 8628 section 3.2). */
const LONGEST_CODE_S = 24 * 60 * 60
const LONGEST_RETRY_MS = 10 * 60_000
/** The clocks of a machine that slept this much, in ms, differ by it. */
const SLEPT_MS = 5_000

/** A number as servers write one, also as text; undefined: it is not a number of at least 0. */
export function numberOf(value: unknown): number | undefined {
  const text = typeof value === 'string' && value.length <= 400 ? value.trim() : ''
  const number = /^\d+(\.\d+)?(e\+?\d+)?$/i.test(text) ? Number(text) : value
  if (typeof number !== 'number' || Number.isNaN(number) || number < 0) return undefined
  // Adding turns -0 into 0.
  return number + 0
}

const within = (least: number, most: number) => (value: unknown) => {
  const number = numberOf(value)
  // 0 and values that are not numbers are ignored.
  return number ? Math.min(Math.max(number, least), most) : undefined
}

/** `expires_in` of a token, in seconds (RFC 6749 section 5.1); undefined: not said. */
export const tokenLife = within(1, LONGEST_LIFE_S)
/** `expires_in` of a device code, in seconds. */
export const deviceCodeLife = within(1, LONGEST_CODE_S)
/** `interval` of a device code, in seconds. */
export const pollInterval = within(SHORTEST_POLL_S, LONGEST_POLL_S)

/** `client_secret_expires_at`, in seconds since the epoch (RFC 7591 section 3.2.1); 0: never, or not said. */
export const secretEnd = (value: unknown): number => within(1, LAST_MOMENT / 1000)(value) ?? 0

/** `retry` of an event stream, in ms. */
export const retryOf = (text: string): number => Math.min(Number(text), LONGEST_RETRY_MS)

/** Only what begins with a day's name: Date.parse takes -1 and 1.5 for dates too. */
const HTTP_DATE = /^(Mon|Tue|Wed|Thu|Fri|Sat|Sun)/

/** `Retry-After` (RFC 9110 section 10.2.3): seconds or a date → ms from `now`; undefined: it is neither. */
export function retryAfter(value: unknown, now: number): number | undefined {
  if (typeof value !== 'string') return undefined
  const date = HTTP_DATE.test(value) ? Date.parse(value) : Number.NaN
  const ms = /^\d+$/.test(value) ? Number(value) * 1000 : date - now
  return Number.isNaN(ms) ? undefined : Math.min(Math.max(ms, 0), LONGEST_TIMER_MS)
}

/** `Age` (RFC 9111 section 5.1), in seconds. */
export const ageOf = (value: unknown): number => Math.min(numberOf(value) ?? 0, YEAR_S)

/** A time that a date, a row and a text can hold, in ms since the epoch; a value that is not a time counts as long past. */
export const moment = (ms: number): number => (ms > 0 ? Math.min(Math.floor(ms), LAST_MOMENT) : 0)

/** ISO 8601 in UTC, of any number. */
export const isoTime = (ms: number): string => new Date(moment(ms)).toISOString()

/**
 * Each call tells whether the machine has slept since the call before. A step of the wall clock forwards looks the same, and where the
 * time awake goes on during a sleep (macOS, Windows), none is seen.
 */
export function createSleepWatch(clock: Pick<Clock, 'now' | 'awake'>): () => boolean {
  const lag = () => clock.now() - clock.awake()
  let seen = lag()
  return () => {
    const before = seen
    seen = lag()
    return seen - before > SLEPT_MS
  }
}

/** A wait that one timer can hold. */
export const forTimer = (ms: number): number => (ms > 0 ? Math.min(ms, LONGEST_TIMER_MS) : 0)
