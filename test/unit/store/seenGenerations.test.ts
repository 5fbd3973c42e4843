// What is remembered of the generations of token sets, on an engine whose answers need a wait.
import { expect, test } from 'vitest'
import { createLooks } from '../../../src/store/seenGenerations.ts'
import { createFakeClock } from '../../fakes/fakeClock.ts'
import { sqlOf } from '../../fakes/sqlOf.ts'
import { KEY, WORK } from '../../fakes/storeKit.ts'
import { tempFolder } from '../../fakes/tempFolder.ts'

const folder = tempFolder()

function setUp() {
  const clock = createFakeClock()
  const { atOnce: _none, ...elsewhere } = sqlOf(folder.database())
  return { clock, looks: createLooks(elsewhere, clock) }
}

test('a token set counts as unchanged for 5 s after it was read, at that generation only', () => {
  const { clock, looks } = setUp()
  expect(looks.isUnchanged(KEY, 1)).toBe(false)
  looks.saw(KEY, 1)
  clock.advance(4_999)
  expect([looks.isUnchanged({ ...KEY }, 1), looks.isUnchanged(KEY, 2), looks.isUnchanged(WORK, 1)]).toEqual([
    true,
    false,
    false,
  ])
  clock.advance(1)
  expect(looks.isUnchanged(KEY, 1)).toBe(false)
})

test('a clock that is set back does not prolong it', () => {
  const { clock, looks } = setUp()
  looks.saw(KEY, 1)
  clock.advance(-3_600_000)
  expect(looks.isUnchanged(KEY, 1)).toBe(false)
})

test('of very many token sets those that were read last are remembered', () => {
  const { looks } = setUp()
  const nth = (index: number) => ({ ...KEY, profile: String(index) })
  for (let index = 0; index <= 10_000; index++) looks.saw(nth(index), 1)
  expect([looks.isUnchanged(nth(0), 1), looks.isUnchanged(nth(1), 1), looks.isUnchanged(nth(10_000), 1)]).toEqual([
    false,
    true,
    true,
  ])
})
