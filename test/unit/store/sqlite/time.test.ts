// Times as SQLite writes them.
import { expect, test } from 'vitest'
import { fromSqlTime, toSqlTime } from '../../../../src/store/values/time.ts'
import { tempFolder } from '../../../fakes/tempFolder.ts'

const folder = tempFolder()

test.each([
  [0, '1970-01-01 00:00:00.000'],
  [Date.parse('2026-01-15T12:34:56.789Z'), '2026-01-15 12:34:56.789'],
  [Date.parse('9999-12-31T23:59:59.999Z'), '9999-12-31 23:59:59.999'],
])('%i ms is %s and back', (ms, text) => {
  expect(toSqlTime(ms)).toBe(text)
  expect(fromSqlTime(text)).toBe(ms)
})

test('SQLite’s own text is read as UTC', () => {
  expect(fromSqlTime('2026-01-15 12:34:56')).toBe(Date.parse('2026-01-15T12:34:56Z'))
})

test('our texts compare with datetime(now) as the times do', () => {
  const database = folder.database()
  const compare = (ms: number) => database.get("SELECT ? < datetime('now') AS past", toSqlTime(ms))?.past
  expect(compare(Date.now() - 60_000)).toBe(1)
  expect(compare(Date.now() + 60_000)).toBe(0)
})

test('texts sort as the times do', () => {
  const times = [5, 1_000_000_000_000, 999_999_999_999, 86_400_000, 1_000_000_000_001]
  const sorted = [...times].sort((a, b) => a - b)
  expect(times.map(toSqlTime).sort()).toEqual(sorted.map(toSqlTime))
})
