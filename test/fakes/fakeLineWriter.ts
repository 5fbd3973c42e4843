// A LineWriter that keeps its lines and tells when there are enough.
import type { LineWriter } from '../../src/bridge/host/stdout.ts'

export interface FakeLineWriter extends LineWriter {
  readonly lines: readonly string[]
  readonly flushed: boolean
  /** Resolves when `count` lines were written. */
  whenWritten(count: number): Promise<void>
}

export function createFakeLineWriter(): FakeLineWriter {
  const lines: string[] = []
  let flushed = false
  let watchers: { count: number; tell: () => void }[] = []
  const tellWatchers = () => {
    for (const watcher of watchers.filter(({ count }) => lines.length >= count)) watcher.tell()
    watchers = watchers.filter(({ count }) => lines.length < count)
  }
  return {
    lines,
    get flushed() {
      return flushed
    },
    async write(message) {
      lines.push(Buffer.from(message).toString('utf8'))
      tellWatchers()
    },
    async flush() {
      flushed = true
    },
    whenWritten: (count) =>
      new Promise((resolve) => {
        watchers.push({ count, tell: resolve })
        tellWatchers()
      }),
  }
}
