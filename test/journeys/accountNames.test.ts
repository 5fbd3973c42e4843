// Promise: who signed in stands in no line of the log and nowhere in a support bundle.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { startStage } from '../servers/stage.ts'

let stage: Awaited<ReturnType<typeof startStage>>
afterEach(() => stage?.close())

test('neither a refused account nor one that signed in is named in the log or the support bundle', async () => {
  stage = await startStage()
  const words = [stage.server.url, '--callback-url', stage.callbackUrl]
  const refused = await stage.command(['login', ...words, '--account', 'bob@example.test', '--debug'])
  expect(refused.code).toBe(3)
  // A person is told, the log beside it is not.
  expect(refused.stderr).toMatch(/^error: .*bob@example\.test.*alice/m)
  expect(refused.stderr.split('\n').filter((line) => line.startsWith('{') && /alice|bob/.test(line))).toEqual([])
  expect((await stage.command(['login', ...words])).code).toBe(0)
  const host = stage.host(['--debug'])
  await host.initialize()
  // Repeats every header that it got, X-User-* among them.
  stage.server.state.instead = 'echo'
  expect((await host.request('tools/list')).error.data.code).toBe('server_error')
  await host.close()
  const bundle = await stage.command(['support-bundle', ...words, '--yes', '--output', 'bundle.json'])
  expect(bundle.code).toBe(0)
  const log = readFileSync(join(stage.environment.MCP_OAUTH_BRIDGE_HOME, 'logs', 'proxy.log'), 'utf8')
  expect(log).toContain('account_mismatch')
  const file = readFileSync(join(stage.home, 'bundle.json'), 'utf8')
  for (const text of [log, host.stderr, bundle.stdout, file]) expect(text).not.toMatch(/alice|bob@/i)
  for (const text of [bundle.stdout, file]) expect(text).not.toContain(stage.home)
})
