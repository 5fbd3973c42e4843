// An animated line at a terminal while the program waits for a person; it is erased at the end.
import type { Writable } from 'node:stream'

const FRAMES = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏']
const FRAME_MS = 120
const CLEAR = '\r\u001b[2K'

export interface Terminal extends Writable {
  readonly isTTY?: boolean
  readonly columns?: number
}

/** Begins to show `text()` with a moving sign; the result takes it away. Shows nothing where there is no terminal that can. */
export function startSpinner(stderr: Terminal, environment: NodeJS.ProcessEnv, text: () => string): () => void {
  if (stderr.isTTY !== true || environment.TERM === 'dumb' || environment.CI) return () => undefined
  let frame = 0
  const draw = () => {
    const line = `${FRAMES[frame++ % FRAMES.length]} ${text()}`
    // One column stays free: a full line would wrap, and could not be cleared.
    // The cursor waits at the left, so that whatever else is written begins there.
    stderr.write(`${CLEAR}${line.slice(0, Math.max(0, (stderr.columns ?? 80) - 1))}\r`)
  }
  draw()
  const timer = setInterval(draw, FRAME_MS)
  timer.unref()
  return () => {
    clearInterval(timer)
    stderr.write(CLEAR)
  }
}

/** `4:05` */
export function clockText(ms: number): string {
  const seconds = Math.max(0, Math.ceil(ms / 1000))
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`
}
