// One metadata document.
import { expect, test } from 'vitest'
import { fetchJson } from '../../../../src/auth/discovery/fetchJson.ts'
import { BridgeError } from '../../../../src/errors.ts'
import { createFakeHttp, json, respond, type Site } from '../../../fakes/fakeHttp.ts'
import { codeOf } from '../../../fakes/thrown.ts'

const PLACE = 'https://as.example/doc'
const run = (site: Site, headers = {}) => {
  const http = createFakeHttp({ [PLACE]: site })
  return { http, found: fetchJson(http, new URL(PLACE), headers) }
}

test('a JSON object is returned unchanged', async () => {
  expect(await run(() => json({ a: [1] })).found).toEqual({ a: [1] })
})

test.each([
  ['an array', json([1])],
  ['null', json(null)],
  ['a text', json('x')],
  ['broken JSON', respond(200, {}, '{')],
  ['nothing', respond(200)],
  ['204', respond(204)],
  ['404', respond(404, {}, '{}')],
  ['403', respond(403)],
])('%s is not a document', async (_, response) => {
  expect(await run(() => response).found).toBeUndefined()
})

test('the request asks for JSON within a time limit, and our own Accept overrides others', async () => {
  const { http, found } = run(() => json({}), { 'X-Team': 'core', accept: 'text/plain' })
  await found
  expect(http.requests[0]).toMatchObject({ method: 'GET', headers: { 'X-Team': 'core', accept: 'application/json' } })
  expect(http.requests[0]?.signal).toBeInstanceOf(AbortSignal)
  expect(http.requests[0]?.idleMs).toBeGreaterThan(0)
})

test('a server error is an error, not "no document"', async () => {
  expect(await codeOf(run(() => respond(502)).found)).toBe('authorization_server_error')
})

test('an answer that is not used is discarded', async () => {
  const response = respond(404)
  await run(() => response).found
  expect(response.discarded).toBe(true)
})

test('a body over 1 MB is refused before its end', async () => {
  async function* endless() {
    for (;;) yield Buffer.alloc(64 * 1024, 0x20)
  }
  expect(await codeOf(run(() => respond(200, {}, endless())).found)).toBe('discovery_failed')
})

test('our own errors are passed on; any other becomes an error of the authorization server', async () => {
  expect(await codeOf(run(() => Promise.reject(new BridgeError('tls_failed'))).found)).toBe('tls_failed')
  const timeout = new DOMException('late', 'TimeoutError')
  expect(await codeOf(run(() => Promise.reject(timeout)).found)).toBe('authorization_server_unreachable')
})
