// An animated line at a terminal while the program waits for a person; it is erased at the end.
import type { Writable } from 'node:stream'

const FRAMES = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏']
const FRAME_MS = 120
const CLEAR = '\r\u001b[2K'

export interface Terminal extends Writable {
  readonly isTTY?: boolean
  readonly columns?: number
}

/** Shows `text()` with an animation; the result removes it. Shows nothing without a suitable terminal. */
export function startSpinner(stderr: Terminal, environment: NodeJS.ProcessEnv, text: () => string): () => void {
  if (stderr.isTTY !== true || environment.TERM === 'dumb' || environment.CI) return () => undefined
  let frame = 0
  const draw = () => {
    const line = `${FRAMES[frame++ % FRAMES.length]} ${text()}`
    // One column is left empty: a full line would wrap, and could not be cleared.
    // The cursor returns to the left, so that other output begins there.
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
