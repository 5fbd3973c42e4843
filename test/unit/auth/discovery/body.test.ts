// The beginning of a body.
import { expect, test } from 'vitest'
import { textStart } from '../../../../src/auth/discovery/body.ts'
import { toChunks } from '../../../fakes/fakeHttp.ts'

test('a short body is returned whole, including a character that arrives in two chunks', async () => {
  const bytes = Buffer.from('a€b')
  expect(await textStart(toChunks([bytes.subarray(0, 2), bytes.subarray(2)]), 100)).toBe('a€b')
})

test('nothing more is read once the limit is exceeded', async () => {
  expect(await textStart(toChunks(['abc', 'def', 'never']), 5)).toBe('abcdef')
})
