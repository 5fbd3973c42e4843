// Content codings nobody asked for: undone as they come, and broken ones told.
import { createGzip, gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { decode } from '../../../../../src/bridge/http/body/contentCoding.ts'
import { BridgeError } from '../../../../../src/errors.ts'
import { respond } from '../../../../fakes/fakeHttp.ts'
import { createGate } from '../../../../fakes/gate.ts'
import { codeOf } from '../../../../fakes/thrown.ts'

async function textOf(body: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = []
  for await (const chunk of body) chunks.push(chunk)
  return Buffer.concat(chunks).toString('utf8')
}

test('a body in many pieces is put together', async () => {
  const text = 'müde '.repeat(20_000)
  const pieces = Array.from(gzipSync(text), (byte) => Uint8Array.of(byte))
  expect(await textOf(decode(respond(200, {}, pieces), 'GZIP').body)).toBe(text)
})

test('what the server flushed is available before the next piece arrives', async () => {
  const next = createGate()
  const gzip = createGzip()
  async function* body() {
    gzip.write('first')
    await new Promise<void>((resolve) => gzip.flush(() => resolve()))
    yield gzip.read() as Uint8Array
    await next.passed
    gzip.end('second')
    for await (const chunk of gzip) yield chunk as Uint8Array
  }
  const chunks: string[] = []
  for await (const chunk of decode(respond(200, {}, body()), 'gzip').body) {
    chunks.push(Buffer.from(chunk).toString())
    next.open()
  }
  expect(chunks).toEqual(['first', 'second'])
})

test('a reader that stops ends the source', async () => {
  const response = respond(200, {}, gzipSync('x'.repeat(100_000)))
  for await (const _ of decode(response, 'gzip').body) break
  expect(response.discarded).toBe(true)
})

test('an error of the source stays that error', async () => {
  const error = new BridgeError('server_timeout')
  async function* broken() {
    yield gzipSync('x').subarray(0, 5)
    throw error
  }
  await expect(textOf(decode(respond(200, {}, broken()), 'gzip').body)).rejects.toBe(error)
})

test.each([
  ['what is none', Buffer.from('hello')],
  ['one cut short', gzipSync('hello').subarray(0, 12)],
])('%s is invalid_protocol', async (_, body) => {
  expect(await codeOf(textOf(decode(respond(200, {}, body), 'gzip').body))).toBe('invalid_protocol')
})

test.each(['compress', 'toString', 'gzip, br'])('the coding %s is not known', async (coding) => {
  const response = respond(200)
  expect(await codeOf(Promise.resolve().then(() => decode(response, coding)))).toBe('invalid_protocol')
  expect(response.discarded).toBe(true)
})
