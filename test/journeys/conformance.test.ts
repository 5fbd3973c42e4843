// The public conformance suite, through the bridge: what it lists is all run or named in the docs, and the scenarios that no revision scores.
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { expectToPass, listed, NOT_RUN, required, SCORED, UNSCORED } from '../servers/conformance.ts'

const read = (name: string) => readFileSync(fileURLToPath(new URL(`../../${name}`, import.meta.url)), 'utf8')

describe('the public conformance suite', () => {
  test('is pinned, so that its lists are those of the tests', () => {
    const { devDependencies } = JSON.parse(read('package.json'))
    expect(devDependencies['@modelcontextprotocol/conformance']).toBe('0.2.0-alpha.12')
  })

  test.each([
    ['2025-11-25', 18],
    ['2026-07-28', 32],
  ] as const)('requires of a client of %s what the tests run: %i scenarios', async (revision, count) => {
    expect(await required(revision)).toEqual([...SCORED[revision]].sort())
    expect(SCORED[revision]).toHaveLength(count)
  })

  test('lists no client scenario that is neither run nor named in the docs', async () => {
    const known = new Set<string>([...Object.values(SCORED).flat(), ...UNSCORED, ...NOT_RUN])
    expect(await listed()).toEqual([...known].sort())
    expect(NOT_RUN.filter((name) => !read('docs/security.md').includes(`\`${name}\``))).toEqual([])
  })

  test.each(UNSCORED)('passes %s, which no revision scores', (scenario) => expectToPass('v1', scenario))

  test.each(['initialize', 'tools_call'])('passes %s at 2025-06-18', (scenario) =>
    expectToPass('v1', scenario, '2025-06-18'),
  )
})
