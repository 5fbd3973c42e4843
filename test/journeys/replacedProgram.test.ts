// npx and npm replace the files of a program while it runs: what a bridge still has to load is gone then.
import { cpSync, renameSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, expect, test } from 'vitest'
import { startStage } from '../servers/stage.ts'

let stage: Awaited<ReturnType<typeof startStage>>
afterEach(() => stage?.close())

const source = (name: string) => fileURLToPath(new URL(`../../${name}`, import.meta.url))

test('a bridge whose program is replaced says so once it needs another part; the next start works, and nobody signs in again', async () => {
  stage = await startStage()
  const copy = join(stage.home, 'copy')
  for (const name of ['bin', 'dist', 'package.json']) cpSync(source(name), join(copy, name), { recursive: true })
  symlinkSync(source('node_modules'), join(copy, 'node_modules'))
  const start = () =>
    stage.hostOfEntry({
      command: process.execPath,
      args: [join(copy, 'bin/mcp-oauth-bridge.js'), stage.server.url, '--callback-url', stage.callbackUrl],
      env: { MCP_OAUTH_BRIDGE_HOME: stage.environment.MCP_OAUTH_BRIDGE_HOME },
    })
  expect((await stage.command(['login', stage.server.url, '--callback-url', stage.callbackUrl])).code).toBe(0)
  const host = start()
  const echo = (of: typeof host) => of.request('tools/call', { name: 'echo', arguments: { message: 'hello' } })
  await host.initialize()
  expect((await echo(host)).result.content[0].text).toBe('Echo: hello')

  renameSync(join(copy, 'dist'), join(copy, 'older'))
  expect((await echo(host)).result.content[0].text).toBe('Echo: hello')
  stage.server.rejectTokens()
  const { error } = await echo(host)
  expect(error.message).toMatch(/^A file of mcp-oauth-bridge is gone: "\S+\.js"\. It was updated, moved or removed/)
  expect(error.data).toMatchObject({ code: 'internal', hint: expect.stringContaining('start it again') })
  await host.close()

  renameSync(join(copy, 'older'), join(copy, 'dist'))
  const next = start()
  await next.initialize()
  expect((await echo(next)).result.content[0].text).toBe('Echo: hello')
  expect(stage.tabs()).toHaveLength(1)
})
