// Whole lines to the host, in order, waiting while the host is slow to read.
import type { Writable } from 'node:stream'
import { toOneLine } from './message.ts'

export interface LineWriter {
  /** Resolves when the host may be sent more. `message` is one valid JSON text. */
  write(message: Uint8Array): Promise<void>
  /** Resolves when everything written has left the process, or the host is gone. */
  flush(): Promise<void>
}

const LINE_FEED = Buffer.of(10)
const READY = Promise.resolve()

/** `onGone` is called once when the host no longer reads (EPIPE). */
export function createLineWriter(stdout: Writable, onGone: () => void): LineWriter {
  let gone = false
  let drained: Promise<void> | undefined
  stdout.on('error', () => {
    if (gone) return
    gone = true
    onGone()
  })

  const awaitDrain = () =>
    new Promise<void>((resolve) => {
      const done = () => {
        stdout.off('drain', done).off('error', done).off('close', done)
        drained = undefined
        resolve()
      }
      stdout.on('drain', done).on('error', done).on('close', done)
    })

  return {
    write(message) {
      if (gone) return READY
      const line = toOneLine(message)
      const room = stdout.write(line.byteLength < 4096 ? Buffer.concat([line, LINE_FEED]) : line)
      const done = line.byteLength < 4096 ? room : stdout.write(LINE_FEED)
      if (done) return READY
      drained ??= awaitDrain()
      return drained
    },
    flush: () =>
      gone || stdout.writableLength === 0 ? READY : new Promise((resolve) => stdout.write('', () => resolve())),
  }
}
