// A login process that cannot be started, for a while: the bridge lives on, says so, and the next call signs in.
import { copyFileSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { PROGRAM } from '../servers/host.ts'
import { startStage } from '../servers/stage.ts'

let stage: Awaited<ReturnType<typeof startStage>>
afterEach(() => stage?.close())

test('the Node that runs the bridge is moved away and comes back: the first call is told, the next one signs in and is answered', async () => {
  stage = await startStage()
  const node = join(stage.home, 'node')
  copyFileSync(process.execPath, node)
  const words = [stage.server.url, '--callback-url', stage.callbackUrl, '--login', 'on-call']
  const host = stage.hostOfEntry({ command: node, args: [PROGRAM, ...words], env: stage.environment })
  await host.initialize()
  const echo = () => host.request('tools/call', { name: 'echo', arguments: { message: 'here' } })
  renameSync(node, `${node}.away`)
  expect((await echo()).error).toMatchObject({
    message: 'The login process could not be started.',
    data: { code: 'internal', hint: expect.stringContaining(`If ${node} is gone`) },
  })
  renameSync(`${node}.away`, node)
  expect((await echo()).result?.content[0].text).toBe('Echo: here')
  expect(stage.tabs()).toHaveLength(1)
  expect(await host.close()).toBe(0)
})
