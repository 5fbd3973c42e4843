// The process of a bridge lives as long as its host may say something.
import { PassThrough } from 'node:stream'
import { expect, test } from 'vitest'
import { connect } from '../../../../src/cli/commands/run.ts'
import type { App } from '../../../../src/compose/app.ts'
import { createFakeLogger } from '../../../fakes/fakeLogger.ts'

/** What keeps this process alive by its time alone. */
const timers = () => process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length

test('also while stdin is paused and nothing else is open', async () => {
  const app = {
    config: { server: { url: 'https://mcp.example.com/mcp', headers: {} }, profile: 'default', hostLimit: 100 },
    log: createFakeLogger(),
    relay: () => ({ line: async () => undefined, tooLong: () => undefined, close: async () => undefined }),
  } as unknown as App
  const stdin = new PassThrough()
  const io = { argv: [], stdin, stdout: new PassThrough(), stderr: new PassThrough(), environment: {}, folder: '/' }
  const before = timers()
  const ended = connect(app, { ...io, version: '1', ending: new AbortController().signal })
  stdin.pause()
  expect(timers()).toBe(before + 1)
  stdin.resume().end()
  expect(await ended).toBe(0)
})
