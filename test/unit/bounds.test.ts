// Any number in any place for a time: it becomes one that a timer, a date and a row can hold.
import { setImmediate as turn } from 'node:timers/promises'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  ageOf,
  createSleepWatch,
  deviceCodeLife,
  forTimer,
  isoTime,
  LONGEST_TIMER_MS,
  moment,
  numberOf,
  pollInterval,
  retryAfter,
  retryOf,
  secretEnd,
  tokenLife,
} from '../../src/bounds.ts'
import type { StreamPosition } from '../../src/bridge/http/body/eventStream.ts'
import { fromSqlTime, toSqlTime } from '../../src/store/values/time.ts'
import { clock } from '../../src/system/clock.ts'
import { createFakeClock } from '../fakes/fakeClock.ts'
import { toChunks } from '../fakes/fakeHttp.ts'
import { ODD_JSON } from '../fakes/oddJson.ts'
import { readEvents } from '../fakes/readEvents.ts'

const odd = ODD_JSON.map((text): unknown => JSON.parse(text))
const anything = fc.oneof(fc.constantFrom(...odd), fc.anything(), fc.double(), fc.double().map(String))
const anyNumber = fc.oneof(
  fc.double(),
  fc.constantFrom(Number.NaN, Infinity, -Infinity, -0, 8.64e15 + 1, 2 ** 31, 1e308),
)

describe('a number from a server', () => {
  test.each([
    ['tokenLife', tokenLife, 1, 10 * 365 * 24 * 60 * 60],
    ['deviceCodeLife', deviceCodeLife, 1, 24 * 60 * 60],
    ['pollInterval', pollInterval, 1, 300],
  ] as const)('is within the bounds of %s, or counts as missing', (_, read, least, most) => {
    fc.assert(
      fc.property(anything, (value) => {
        const seconds = read(value)
        if (seconds === undefined) return
        expect(seconds).toBeGreaterThanOrEqual(least)
        expect(seconds).toBeLessThanOrEqual(most)
      }),
    )
  })

  test.each([
    [3600, 3600],
    ['3600', 3600],
    [' 3600 ', 3600],
    ['1e3', 1000],
    [59.5, 59.5],
    [0.2, 1],
    [1e308, 315_360_000],
    [Infinity, 315_360_000],
    [4294968, 4294968],
    [0, undefined],
    [-0, undefined],
    [-1, undefined],
    [Number.NaN, undefined],
    ['-5', undefined],
    ['0x10', undefined],
    ['soon', undefined],
    ['', undefined],
    [null, undefined],
    [true, undefined],
    [[3600], undefined],
    [{ valueOf: 1, toString: 1 }, undefined],
  ])('an expires_in of %j becomes %j', (value, seconds) => {
    expect(tokenLife(value)).toBe(seconds)
  })

  test('in Retry-After, retry, Age or a secret’s expiry can be waited for, added and stored', () => {
    fc.assert(
      fc.property(
        anything,
        fc.oneof(
          fc.string(),
          fc.nat().map(String),
          fc.date({ noInvalidDate: true }).map((at) => at.toUTCString()),
        ),
        (value, text) => {
          const after = retryAfter(text, Date.now())
          expect(after === undefined || (after >= 0 && after <= LONGEST_TIMER_MS)).toBe(true)
          expect(retryAfter(value, 0) ?? 0).toBeLessThanOrEqual(LONGEST_TIMER_MS)
          expect(ageOf(value)).toBeLessThanOrEqual(365 * 24 * 60 * 60)
          expect(toSqlTime(secretEnd(value) * 1000)).toMatch(/^\d{4}-/)
          expect(numberOf(value) ?? 0).toBeGreaterThanOrEqual(0)
        },
      ),
    )
    expect(retryOf('9'.repeat(400))).toBe(600_000)
  })
})

test.each(['4294968000', '9'.repeat(400), '0', '-1', '1e9', 'soon', ''])(
  'the retry %j of an event stream is at most ten minutes',
  async (retry) => {
    const position: StreamPosition = {}
    for await (const _ of readEvents(toChunks(`retry: ${retry}\nid: 1\ndata: a\n\n`), position, 1_000));
    expect(position.retryMs ?? 0).toBeLessThanOrEqual(600_000)
  },
)

describe('an enormous time', () => {
  test('is a date with a four-digit year, in texts and in rows, and rows sort by it', () => {
    fc.assert(
      fc.property(anyNumber, anyNumber, (one, other) => {
        expect(isoTime(one)).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/)
        expect(fromSqlTime(toSqlTime(one))).toBe(moment(one))
        expect(toSqlTime(one) <= toSqlTime(other)).toBe(moment(one) <= moment(other))
      }),
    )
  })

  test.each(['', 'soon', '2026-13-45 99:99:99', '\u0000', 'null'])('a stored %j becomes a time long past', (text) => {
    expect(fromSqlTime(text)).toBe(0)
  })

  test('a row that an earlier version wrote for the year 57000 still counts as a future time', () => {
    expect(fromSqlTime('+057000-01-01 00:00:00.000')).toBe(Date.parse('9999-12-31T23:59:59.999Z'))
  })
})

describe('a wait', () => {
  test('is limited to what a timer can count', () => {
    fc.assert(
      fc.property(anyNumber, (ms) => {
        expect(forTimer(ms)).toBeGreaterThanOrEqual(0)
        expect(forTimer(ms)).toBeLessThanOrEqual(2 ** 31 - 1)
      }),
    )
  })

  test.each([2 ** 31, 4_294_968_000, 2 ** 53, 1e308, Infinity])('of %d ms does not become 1 ms', async (ms) => {
    const warnings: string[] = []
    const hear = ({ name }: Error) => void warnings.push(name)
    process.on('warning', hear)
    const ending = new AbortController()
    const sleeping = clock.sleep(ms, ending.signal)
    await turn()
    process.off('warning', hear)
    ending.abort()
    await expect(sleeping).rejects.toMatchObject({ name: 'AbortError' })
    // Node says TimeoutOverflowWarning when it does.
    expect(warnings).toEqual([])
  })

  test.each([-1, -Infinity, Number.NaN, 0, -0])('of %d ms ends at once', async (ms) => {
    await clock.sleep(ms)
  })
})

test('a sleep of the machine is told once, a short one and the time awake are none', () => {
  const clock = createFakeClock()
  const hasSlept = createSleepWatch(clock)
  clock.advance(3_600_000)
  expect(hasSlept()).toBe(false)
  clock.doze(5_000)
  expect(hasSlept()).toBe(false)
  clock.doze(5_001)
  expect([hasSlept(), hasSlept()]).toEqual([true, false])
})
