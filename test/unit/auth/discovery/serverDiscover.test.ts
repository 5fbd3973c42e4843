// The answer to a server/discover: how much of a body is read, and when it says nothing.
import { expect, test } from 'vitest'
import { serverDiscover } from '../../../../src/auth/discovery/serverDiscover.ts'
import { BridgeError } from '../../../../src/errors.ts'
import { mcpDiscover } from '../../../../src/mcp/requests.ts'
import type { HttpResponse } from '../../../../src/ports.ts'
import { createFakeHttp, json, respond } from '../../../fakes/fakeHttp.ts'
import { errorOf } from '../../../fakes/thrown.ts'

const URL_1 = 'https://mcp.example/mcp'
const RESULT = { supportedVersions: ['2026-07-28'], capabilities: {} }
const TEXT = JSON.stringify({ jsonrpc: '2.0', id: 'a', result: RESULT })

function ask(answer: () => HttpResponse, ms = 60_000) {
  const http = createFakeHttp({ [URL_1]: answer })
  return serverDiscover(http, { ...mcpDiscover(URL_1, {}, 'a'), idleMs: 0 }, ms)
}

test('gives status, headers and verdict', async () => {
  const { status, headers, found } = await ask(() => json({ jsonrpc: '2.0', id: 'a', result: RESULT }))
  expect([status, headers['content-type']]).toEqual([200, 'application/json'])
  expect(found).toEqual({ verdict: '2026', revisions: ['2026-07-28'], discover: JSON.stringify(RESULT) })
})

test.each([['\n'], ['\r'], ['\r\n']])(
  'of a stream that stays open it reads no more than the answer (line end %j)',
  async (end) => {
    let ended = false
    async function* stream() {
      try {
        yield Buffer.from(`: hello${end}${end}`)
        yield Buffer.from(`data: ${TEXT.slice(0, 20)}`)
        yield Buffer.from(`${TEXT.slice(20)}${end}${end}`)
        for (;;) yield Buffer.from(`: still here${end}${end}`)
      } finally {
        ended = true
      }
    }
    const { found } = await ask(() => respond(200, { 'content-type': 'text/event-stream; charset=utf-8' }, stream()))
    expect([found.verdict, ended]).toEqual(['2026', true])
  },
)

test('of a body without an end it reads 1 MB', async () => {
  let read = 0
  async function* endless() {
    for (;;) {
      read += 64 * 1024
      yield Buffer.alloc(64 * 1024, 32)
    }
  }
  expect((await ask(() => respond(200, {}, endless()))).found.verdict).toBe('2025')
  expect(read).toBeLessThan(2 * 1024 * 1024)
})

test('a body that breaks off or hangs is judged by what came', async () => {
  async function* breaks(text: string) {
    yield Buffer.from(text)
    throw new BridgeError('server_unreachable')
  }
  async function* hangs(text: string) {
    yield Buffer.from(text)
    await new Promise(() => undefined)
  }
  for (const body of [breaks, hangs]) {
    expect((await ask(() => respond(200, {}, body(TEXT)), 1)).found.verdict).toBe('2026')
    expect((await ask(() => respond(200, {}, body(TEXT.slice(0, -1))), 1)).found.verdict).toBeUndefined()
  }
})

test('a refusal with a challenge says nothing', async () => {
  const answer = () => respond(400, { 'www-authenticate': 'Bearer error="invalid_token"' }, 'no')
  expect((await ask(answer)).found.verdict).toBeUndefined()
})

test('a compressed body says nothing', async () => {
  const { found } = await ask(() => respond(200, { 'content-encoding': 'br' }, TEXT))
  expect(found.verdict).toBeUndefined()
})

test('an answer that never begins is server_timeout, and one that cannot be had what the client throws', async () => {
  const http = createFakeHttp({ [URL_1]: () => new Promise(() => undefined) })
  const asked = serverDiscover(http, { ...mcpDiscover(URL_1, {}, 'a'), idleMs: 0 }, 1)
  expect((await errorOf(asked)).code).toBe('server_timeout')
  const broken = ask(() => {
    throw new BridgeError('tls_failed')
  })
  expect((await errorOf(broken)).code).toBe('tls_failed')
})
