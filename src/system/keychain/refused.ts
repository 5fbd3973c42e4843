// The error for a file beside the keychain that the disk does not let us read or change.
import { whyRefused } from '../../disk/whyRefused.ts'
import { BridgeError } from '../../errors.ts'

/** `file`: the subject of the sentence, with its path. An error that is already in words stays as it is. */
export function refused(file: string, what: 'read' | 'written' | 'removed', cause: unknown): BridgeError {
  if (cause instanceof BridgeError) return cause
  return new BridgeError('database_unreachable', {
    message: `${file} cannot be ${what}: ${whyRefused(cause)}.`,
    hint: 'Check its folder, its permissions and the free space, then try again. Nothing is lost.',
    cause,
  })
}
