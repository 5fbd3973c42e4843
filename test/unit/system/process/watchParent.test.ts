// The parent watch; that it notices an orphan is a journey (processEnd.test.ts).
import { expect, test } from 'vitest'
import { watchParent } from '../../../../src/system/process/watchParent.ts'

test('keeps no process alive and can be stopped', () => {
  const timers = () => process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length
  const before = timers()
  const unwatch = watchParent(() => undefined)
  expect(timers()).toBe(before)
  unwatch()
})
