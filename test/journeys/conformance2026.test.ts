// The scored client scenarios of 2026-07-28, through the bridge: with a host of that revision, and with one that begins with `initialize`.
import { describe, test } from 'vitest'
import { expectToPass, SCORED } from '../servers/conformance.ts'

const REVISION = '2026-07-28'

describe.concurrent.each([
  ['of 2026-07-28', 'pinned'],
  ['that begins with initialize', 'v1'],
] as const)('a host %s passes', (_, kind) => {
  for (const scenario of SCORED[REVISION]) test(scenario, () => expectToPass(kind, scenario, REVISION))
})
