// What doctor says of tokens that are gone: decided by the code that the store kept, whatever the words.
import { expect, test } from 'vitest'
import { token } from '../../../../src/doctor/checks/token.ts'
import type { CheckContext, Findings } from '../../../../src/doctor/report/context.ts'
import type { TokenRecord } from '../../../../src/records.ts'

const verdict = async (record: TokenRecord) => {
  const context = { key: () => ({ server: 'https://mcp.example/mcp', profile: 'default' }) } as unknown as CheckContext
  const facts = { look: { tokens: { load: async () => record } } } as unknown as Findings
  return await token.run(context, facts, new AbortController().signal)
}

test.each([
  ['seal_broken', { lastError: 'Any words at all.', lastErrorCode: 'seal_broken' }],
  ['token_expired', { lastError: 'It was altered or moved.', lastErrorCode: 'token_expired' }],
  ['token_expired', { lastError: 'It was altered or moved, says a row without a code.' }],
] as const)('a sign-in that ended is %s by its code: %j', async (code, ended) => {
  const outcome = await verdict({ generation: 2, ...ended })
  expect(outcome).toMatchObject({ status: 'fail', code })
  expect(outcome.detail).toContain(ended.lastError)
})

test('nobody signed in is a warning', async () => {
  expect(await verdict({ generation: 0 })).toMatchObject({ status: 'warn', code: 'not_signed_in' })
})
