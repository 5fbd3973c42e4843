// Asks questions at a terminal: on stderr, answered with a line; Ctrl-C and Ctrl-D end them.
import { createInterface } from 'node:readline'
import { BridgeError } from '../../errors.ts'
import type { ProcessIO } from '../process.ts'

export interface Asking {
  /** The line that was typed, without spaces around it. @throws BridgeError cancelled */
  line(question: string): Promise<string>
  /** Yes only for y or yes; an empty line is `otherwise`. @throws BridgeError cancelled */
  yes(question: string, otherwise: 'yes' | 'no'): Promise<'yes' | 'no'>
  close(): void
}

/** The terminal mode does not change: its own line editing is sufficient, and Ctrl-C remains a signal. */
export function startAsking({ stdin, stderr, ending }: ProcessIO): Asking {
  const lines = createInterface({ input: stdin, terminal: false })
  const typed = lines[Symbol.asyncIterator]()
  const stopped = new Promise<undefined>((resolve) => {
    ending.addEventListener('abort', () => resolve(undefined), { once: true })
    if (ending.aborted) resolve(undefined)
  })
  const line = async (question: string) => {
    stderr.write(question)
    const answer = await Promise.race([typed.next(), stopped])
    if (answer !== undefined && answer.done !== true) return answer.value.trim()
    stderr.write('\n')
    throw new BridgeError('cancelled')
  }
  return {
    line,
    async yes(question, otherwise) {
      const answer = (await line(`${question} [${otherwise === 'yes' ? 'Y/n' : 'y/N'}] `)).toLowerCase()
      return answer === '' ? otherwise : /^y(es)?$/.test(answer) ? 'yes' : 'no'
    },
    close: () => lines.close(),
  }
}
