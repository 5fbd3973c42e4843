// Asks a person twice before everything is deleted.
import { BridgeError } from '../../errors.ts'
import type { ProcessIO } from '../process.ts'
import { startAsking } from './ask.ts'
import { isAtTerminal } from './tty.ts'

/** `what`: the beginning of a sentence about what is deleted. @throws BridgeError usage, declined */
export async function askTwice(what: string, io: ProcessIO): Promise<void> {
  if (!isAtTerminal(io))
    throw new BridgeError('usage', {
      message: 'reset asks for confirmation, and there is no terminal to ask at.',
      hint: 'Add --yes.',
    })
  io.stderr.write(what)
  const asking = startAsking(io)
  try {
    if ((await asking.yes('Continue?', 'no')) === 'no') throw stopped()
    if ((await asking.line('This cannot be undone. Type reset to confirm: ')) !== 'reset') throw stopped()
  } finally {
    asking.close()
  }
}

const stopped = () => new BridgeError('declined', { hint: 'Nothing was deleted.' })
