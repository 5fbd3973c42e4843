// The scored client scenarios of 2025-11-25, through the bridge: with a host that begins with `initialize`, and with one that asks first.
import { describe, test } from 'vitest'
import { expectToPass, SCORED } from '../servers/conformance.ts'

const REVISION = '2025-11-25'

describe.each([
  ['that begins with initialize', 'v1'],
  ['that asks with server/discover', 'auto'],
] as const)('a host %s passes', (_, kind) => {
  // The suite measures when a stream is asked for again, and a machine that is busy with other tests may be late.
  for (const scenario of SCORED[REVISION])
    test(scenario, { retry: scenario === 'sse-retry' ? 3 : 0 }, () => expectToPass(kind, scenario, REVISION))
})
