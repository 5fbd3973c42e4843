// Writes whole lines to the host, in order, and waits while the host reads slowly.
import type { Writable } from 'node:stream'
import { toOneLine } from '../message/message.ts'

export interface LineWriter {
  /** Resolves when the host may be sent more. `message` is one valid JSON text. */
  write(message: Uint8Array): Promise<void>
  /** Resolves when everything written has left the process, or the host is gone. */
  flush(): Promise<void>
}

const LINE_FEED = Buffer.of(10)
const READY = Promise.resolve()
/** Longer lines are not copied to be written together with others. */
const LONG = 4096

/** `onGone` is called once when the host no longer reads (EPIPE). */
export function createLineWriter(stdout: Writable, onGone: () => void): LineWriter {
  let gone = false
  let drained: Promise<void> | undefined
  /** Lines of this turn of the event loop: they are written together, in one system call. */
  let together: Uint8Array[] = []
  let size = 0
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

  /** True: the host may be sent more. */
  const leave = (): boolean => {
    if (size === 0 || gone) return true
    const lines = Buffer.concat(together, size)
    together = []
    size = 0
    return stdout.write(lines)
  }

  return {
    write(message) {
      if (gone) return READY
      const line = toOneLine(message)
      let room: boolean
      if (line.byteLength < LONG) {
        if (size === 0) setImmediate(leave)
        together.push(line, LINE_FEED)
        size += line.byteLength + 1
        room = size + stdout.writableLength < stdout.writableHighWaterMark || leave()
      } else {
        leave()
        stdout.write(line)
        room = stdout.write(LINE_FEED)
      }
      if (room && !drained) return READY
      drained ??= awaitDrain()
      return drained
    },
    flush() {
      leave()
      return gone || stdout.writableLength === 0 ? READY : new Promise((resolve) => stdout.write('', () => resolve()))
    },
  }
}
