// Ends connections whose client reads nothing of what waits for it: their buffers would stay for ever
import type { ServerResponse } from 'node:http'

/** `open`: the answers that have not ended. Gives what ends the watch. */
export function watchStalled(open: ReadonlySet<ServerResponse>, stallMs: number): () => void {
  const last = new WeakMap<ServerResponse, { readonly taken: number; readonly since: number }>()
  const look = () => {
    const now = performance.now()
    for (const response of open) {
      const { socket } = response
      if (!socket || socket.writableLength === 0) {
        last.delete(response)
        continue
      }
      const taken = socket.bytesWritten - socket.writableLength
      const before = last.get(response)
      if (before?.taken !== taken) last.set(response, { taken, since: now })
      else if (now - before.since >= stallMs) socket.destroy()
    }
  }
  const timer = setInterval(look, Math.max(10, stallMs / 4))
  timer.unref()
  return () => clearInterval(timer)
}
