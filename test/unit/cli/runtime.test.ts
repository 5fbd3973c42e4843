// Which events DEBUG shows: those of this program that it names, whatever else it has for others.
import { PassThrough } from 'node:stream'
import { expect, test } from 'vitest'
import type { ProcessIO } from '../../../src/cli/process.ts'
import { runtimeOf } from '../../../src/cli/runtime.ts'
import type { Config } from '../../../src/config/config.ts'

const EVENTS = [
  'oauth:pkce',
  'oauth:refresh',
  'proxy:headers',
  'proxy:request',
  'gateway:request',
  'authorization:refused',
  'store:gateway',
  'serve:node',
]

function shown(DEBUG: string): string[] {
  const stderr = new PassThrough()
  const io = { stdin: stderr, stdout: stderr, stderr, environment: { DEBUG } } as unknown as ProcessIO
  const { log } = runtimeOf(io, { sessionTimeoutMs: 300_000, logLevel: 'warn' } as Config)
  for (const event of EVENTS) log.debug(event)
  const lines = String(stderr.read() ?? '').split('\n')
  return lines.filter((line) => line !== '').map((line) => JSON.parse(line).event)
}

test.each([
  ['oauth:*', ['oauth:pkce', 'oauth:refresh']],
  ['oauth:pkce', ['oauth:pkce']],
  ['proxy:*', ['proxy:headers', 'proxy:request']],
  ['proxy:headers', ['proxy:headers']],
  ['*', EVENTS],
  ['gateway:*', ['gateway:request']],
  ['gateway:request', ['gateway:request']],
  ['authorization:*, store:*', ['authorization:refused', 'store:gateway']],
  ['serve:node', ['serve:node']],
  ['express:* oauth:pkce', ['oauth:pkce']],
])('DEBUG=%s shows %j', (DEBUG, events) => {
  expect(shown(DEBUG)).toEqual(events)
})

test.each(['', 'express:*', 'pg', 'oauth', 'undici,fetch', '-oauth:*'])('DEBUG=%j shows nothing', (DEBUG) => {
  expect(shown(DEBUG)).toEqual([])
})
