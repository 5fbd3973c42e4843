// A body that waits for its reader.
import { expect, test } from 'vitest'
import { ResponseBody } from '../../../../../src/system/http/exchange/responseBody.ts'
import { settled } from '../../../../fakes/gate.ts'

function setUp() {
  const calls: string[] = []
  const body = new ResponseBody({
    pause: () => void calls.push('pause'),
    resume: () => void calls.push('resume'),
    abort: () => void calls.push('abort'),
  })
  return { body, calls }
}

const bytes = (text: string) => Buffer.from(text)
const KIB = 1024

async function read(body: ResponseBody): Promise<string> {
  const chunks: Uint8Array[] = []
  for await (const chunk of body) chunks.push(chunk)
  return Buffer.concat(chunks).toString('utf8')
}

test('chunks arrive in order, including those from before the reading', async () => {
  const { body } = setUp()
  body.push(bytes('a'))
  body.push(bytes('b'))
  const reading = read(body)
  await settled()
  body.push(bytes('c'))
  body.end()
  expect(await reading).toBe('abc')
})

test('an empty body ends at once', async () => {
  const { body } = setUp()
  body.end()
  expect(await read(body)).toBe('')
})

test('an error arrives after the chunks before it', async () => {
  const { body } = setUp()
  const failure = new Error('reset')
  body.push(bytes('a'))
  body.fail(failure)
  const got: string[] = []
  const reading = (async () => {
    for await (const chunk of body) got.push(String(chunk))
  })()
  await expect(reading).rejects.toBe(failure)
  expect(got).toEqual(['a'])
})

test('an error reaches a reader that waits', async () => {
  const { body } = setUp()
  const failure = new Error('reset')
  const reading = read(body)
  const failed = expect(reading).rejects.toBe(failure)
  await settled()
  body.fail(failure)
  await failed
})

test('the first end counts', async () => {
  const { body } = setUp()
  body.end()
  body.fail(new Error('late'))
  expect(await read(body)).toBe('')
})

test('the socket is paused once when the reader is behind, and resumed when it has caught up', async () => {
  const { body, calls } = setUp()
  for (let chunk = 0; chunk < 4; chunk++) body.push(Buffer.alloc(64 * KIB))
  expect(calls).toEqual([])
  body.push(Buffer.alloc(64 * KIB))
  body.push(Buffer.alloc(64 * KIB))
  expect(calls).toEqual(['pause'])
  const reader = body[Symbol.asyncIterator]()
  for (let chunk = 0; chunk < 3; chunk++) await reader.next()
  expect(calls).toEqual(['pause'])
  await reader.next()
  expect(calls).toEqual(['pause', 'resume'])
  await reader.return?.(undefined)
})

test('a reader that keeps up never pauses the socket', async () => {
  const { body, calls } = setUp()
  const reading = read(body)
  for (let chunk = 0; chunk < 20; chunk++) {
    body.push(Buffer.alloc(200 * KIB))
    await settled()
  }
  body.end()
  expect((await reading).length).toBe(20 * 200 * KIB)
  expect(calls).toEqual([])
})

test('a discarded body is read to its end, so that the connection can be used again', async () => {
  const { body, calls } = setUp()
  for (let chunk = 0; chunk < 5; chunk++) body.push(Buffer.alloc(64 * KIB))
  body.discard()
  body.push(Buffer.alloc(10 * KIB))
  body.end()
  await settled()
  expect(calls).toEqual(['pause', 'resume'])
})

test('a discarded body with a long rest is cut off', () => {
  const { body, calls } = setUp()
  body.discard()
  for (let chunk = 0; chunk < 5; chunk++) body.push(Buffer.alloc(64 * KIB))
  expect(calls[0]).toBe('abort')
})

test('a discarded body that stays open is cut off', async () => {
  let cut: () => void = () => undefined
  const aborted = new Promise<void>((resolve) => {
    cut = resolve
  })
  const body = new ResponseBody({ pause: () => undefined, resume: () => undefined, abort: cut })
  body.discard()
  await aborted
})

test('a body that has ended is not cut off by discarding it', async () => {
  const { body, calls } = setUp()
  body.end()
  body.discard()
  body.discard()
  await settled()
  expect(calls).toEqual([])
})

test('a reader that stops early discards the rest', async () => {
  const { body, calls } = setUp()
  body.push(bytes('a'))
  for await (const _ of body) break
  for (let chunk = 0; chunk < 5; chunk++) body.push(Buffer.alloc(64 * KIB))
  expect(calls[0]).toBe('abort')
})

test('all of a body is given at once where its end has come, and once', async () => {
  const body = new ResponseBody({ pause: () => undefined, resume: () => undefined, abort: () => undefined })
  body.push(Buffer.from('a'))
  expect(body.whole()).toBeUndefined()
  body.push(Buffer.from('b'))
  body.end()
  expect(String(body.whole())).toBe('ab')
  expect(await read(body)).toBe('')
})

test('of a body that was begun, the rest is given at once', async () => {
  const body = new ResponseBody({ pause: () => undefined, resume: () => undefined, abort: () => undefined })
  body.push(Buffer.from('a'))
  await body[Symbol.asyncIterator]().next()
  body.push(Buffer.from('b'))
  body.end()
  expect(String(body.whole())).toBe('b')
})

test('a body that broke off is never given at once', async () => {
  const body = new ResponseBody({ pause: () => undefined, resume: () => undefined, abort: () => undefined })
  body.push(Buffer.from('a'))
  body.fail(new Error('cut'))
  expect(body.whole()).toBeUndefined()
  await expect(read(body)).rejects.toThrow('cut')
})
