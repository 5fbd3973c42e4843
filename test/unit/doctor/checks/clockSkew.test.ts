// How far this computer's clock may be from the server's before somebody is told.
import { expect, test } from 'vitest'
import { clockSkew } from '../../../../src/doctor/checks/clockSkew.ts'
import type { CheckContext, Findings } from '../../../../src/doctor/report/context.ts'

const NOON = Date.parse('2026-01-15T12:00:00Z')

/** The server's answer is a cache's of `age` seconds, and comes when our clock is so many seconds ahead. */
const checked = (ahead: number, headers: Record<string, string> = {}) => {
  const date = new Date(NOON).toUTCString()
  const answer = { status: 401, challenge: {}, headers: { date, ...headers }, at: NOON + ahead * 1000 }
  return clockSkew.run({} as CheckContext, { answer } as unknown as Findings, new AbortController().signal)
}

test.each([
  [0, 'pass'],
  [30, 'pass'],
  [-30, 'pass'],
  [31, 'warn'],
  [-31, 'warn'],
  [120, 'warn'],
  [121, 'fail'],
  [-121, 'fail'],
])('%i s ahead is a %s', async (seconds, status) => {
  expect((await checked(seconds)).status).toBe(status)
})

test('the check says which of the two is ahead', async () => {
  expect((await checked(300)).detail).toContain('300 s ahead of the server’s')
  expect((await checked(-300)).detail).toContain('300 s behind the server’s')
})

test('the age of a cached answer does not count as a difference of clocks', async () => {
  expect((await checked(300, { age: '300' })).status).toBe('pass')
})

test.each([{ date: 'yesterday' }, { date: '' }])('a server without a readable date is skipped: %o', async (headers) => {
  expect((await checked(0, headers)).status).toBe('skip')
})
