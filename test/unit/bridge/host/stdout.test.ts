// Lines to the host: whole, in order, no faster than it reads.
import { PassThrough, Writable } from 'node:stream'
import { expect, test } from 'vitest'
import { createLineWriter } from '../../../../src/bridge/host/stdout.ts'
import { settled } from '../../../fakes/gate.ts'

/** A host that takes one chunk only when told to. */
function slowHost(highWaterMark: number) {
  const taken: string[] = []
  let waiting: ((error?: Error) => void)[] = []
  const stdout = new Writable({
    highWaterMark,
    write(chunk: Buffer, _encoding, done) {
      taken.push(chunk.toString('utf8'))
      waiting.push(done)
    },
  })
  const takeAll = async () => {
    while (waiting.length > 0) {
      const now = waiting
      waiting = []
      for (const done of now) done()
      await settled()
    }
  }
  /** The host ends while a chunk is on its way. */
  const leave = () => {
    for (const done of waiting) done(Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }))
  }
  return { stdout, taken, takeAll, leave }
}

const never = () => {
  throw new Error('the host is not gone')
}

test('every message becomes one line, in the order they were written', async () => {
  const stdout = new PassThrough()
  const writer = createLineWriter(stdout, never)
  void writer.write(Buffer.from('{"a":1}'))
  void writer.write(Buffer.from('{\n"b":\r\n2}'))
  void writer.write(Buffer.from(`"${'x'.repeat(10_000)}"`))
  void writer.write(Buffer.from('{"c":3}'))
  await writer.flush()
  stdout.end()
  expect(String(await stdout.toArray().then((chunks) => Buffer.concat(chunks)))).toBe(
    `{"a":1}\n{ "b":  2}\n"${'x'.repeat(10_000)}"\n{"c":3}\n`,
  )
})

test.each([4_094, 4_095, 4_096, 4_097])('a message of %i bytes is followed by exactly one line feed', async (size) => {
  const stdout = new PassThrough()
  const writer = createLineWriter(stdout, never)
  await writer.write(Buffer.alloc(size, 'x'))
  await writer.flush()
  stdout.end()
  expect(String(Buffer.concat(await stdout.toArray()))).toBe(`${'x'.repeat(size)}\n`)
})

test('a write resolves at once while the host keeps up', async () => {
  const { stdout } = slowHost(1_000)
  let ready = false
  void createLineWriter(stdout, never)
    .write(Buffer.from('{}'))
    .then(() => {
      ready = true
    })
  await settled()
  expect(ready).toBe(true)
})

test('a write waits while the host is behind, and goes on when it has caught up', async () => {
  const { stdout, taken, takeAll } = slowHost(10)
  const writer = createLineWriter(stdout, never)
  let ready = 0
  for (const text of ['"first message"', '"second message"']) void writer.write(Buffer.from(text)).then(() => ready++)
  await settled()
  expect(ready).toBe(0)
  await takeAll()
  expect(ready).toBe(2)
  expect(taken.join('')).toBe('"first message"\n"second message"\n')
})

test('the writer waits for a second slow phase as for the first', async () => {
  const { stdout, takeAll } = slowHost(10)
  const writer = createLineWriter(stdout, never)
  for (let round = 0; round < 3; round++) {
    let ready = false
    void writer.write(Buffer.from('"a long message"')).then(() => {
      ready = true
    })
    await settled()
    expect(ready).toBe(false)
    await takeAll()
    expect(ready).toBe(true)
  }
})

test('flush waits until everything has left', async () => {
  const { stdout, takeAll } = slowHost(1_000)
  const writer = createLineWriter(stdout, never)
  void writer.write(Buffer.from('{}'))
  let flushed = false
  void writer.flush().then(() => {
    flushed = true
  })
  await settled()
  expect(flushed).toBe(false)
  await takeAll()
  expect(flushed).toBe(true)
})

test('flush resolves at once when nothing was written', async () => {
  await expect(createLineWriter(new PassThrough(), never).flush()).resolves.toBeUndefined()
})

test('EPIPE reports once that the host is gone, and nothing more is written', async () => {
  let gone = 0
  let writes = 0
  const stdout = new Writable({
    write(_chunk, _encoding, done) {
      writes++
      done(Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }))
    },
  })
  const writer = createLineWriter(stdout, () => void gone++)
  await writer.write(Buffer.from('{}'))
  await settled()
  await writer.write(Buffer.from('{}'))
  await writer.flush()
  stdout.emit('error', new Error('again'))
  expect(gone).toBe(1)
  expect(writes).toBe(1)
})

test('a writer that waits for a slow host is released when the host goes', async () => {
  const { stdout, leave } = slowHost(10)
  let gone = 0
  const writer = createLineWriter(stdout, () => void gone++)
  const writing = writer.write(Buffer.from('"a long message"'))
  const flushing = writer.flush()
  leave()
  await writing
  await flushing
  expect(gone).toBe(1)
})
