// What a transaction carries along: seen by all that it awaits, also while others begin and end.
import { expect, test } from 'vitest'
import { EndingStorage } from '../../../src/store/postgres/endingStorage.ts'
import { createGate } from '../../fakes/gate.ts'

test('is seen after everything that is awaited, whoever else has ended meanwhile', async () => {
  const storage = new EndingStorage<string>()
  const gate = createGate<void>()
  const slow = storage.runToEnd('slow', async () => {
    await gate.passed
    return storage.getStore()
  })
  const quick = await storage.runToEnd('quick', async () => storage.getStore())
  gate.open()
  expect([quick, await slow]).toEqual(['quick', 'slow'])
})

test('is over with its callback, and there again for the next one', async () => {
  const storage = new EndingStorage<string>()
  const failing = storage.runToEnd('failing', () => Promise.reject(new Error('it failed')))
  await expect(failing).rejects.toThrow('it failed')
  expect(storage.getStore()).toBeUndefined()
  await expect(storage.runToEnd('next', async () => storage.getStore())).resolves.toBe('next')
})
