// The public MCP conformance suite's client scenarios that concern messages, through the bridge, at the 2025 revisions.
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const file = (name: string) => fileURLToPath(new URL(name, import.meta.url))

/** Runs one scenario with the client of this repository; what the suite says about it. */
function run(scenario: string, revision: string): Promise<{ code: number; said: string }> {
  const words = [file('../servers/conformanceSuite.js'), 'client', '--scenario', scenario]
  const client = ['--command', `${process.execPath} ${file('../.kit/conformanceClient.js')} ${revision}`]
  return new Promise((resolve) => {
    execFile(process.execPath, [...words, ...client, '--spec-version', revision], (error, stdout, stderr) =>
      resolve({ code: error ? Number(error.code ?? -1) : 0, said: stdout + stderr }),
    )
  })
}

test.each([
  ['2025-06-18', 'initialize'],
  ['2025-06-18', 'tools_call'],
  ['2025-11-25', 'initialize'],
  ['2025-11-25', 'tools_call'],
  ['2025-11-25', 'elicitation-sep1034-client-defaults'],
])('at %s the bridge passes the scenario %s', async (revision, scenario) => {
  const { code, said } = await run(scenario, revision)
  expect(said).toMatch(/Passed: (\d+)\/\1, 0 failed, 0 warnings/)
  expect(code, said).toBe(0)
})

// The suite measures when the stream is asked for again, and a machine that is busy with other tests may be late.
test('at 2025-11-25 the bridge passes the scenario sse-retry', { retry: 3 }, async () => {
  const { code, said } = await run('sse-retry', '2025-11-25')
  expect(code, said).toBe(0)
  expect(said).toMatch(/Passed: (\d+)\/\1, 0 failed/)
})
