// What deletes the sign-ins of every profile is refused with --profile: whoever names one means only that.
import { BridgeError } from '../../errors.ts'
import { ownCommand } from '../../ownCommand.ts'
import { quote } from '../../redaction/text.ts'
import type { CommandLine } from './args.ts'

/** `command`: its words, as they were typed. @throws BridgeError usage */
export function refuseProfile({ flags: { profile } }: CommandLine, command: string): void {
  if (profile === undefined) return
  throw new BridgeError('usage', {
    message: `${command} is for every profile, not only for ${quote(profile)}.`,
    hint: `Nothing was deleted. Omit --profile, or sign out of one server: ${ownCommand('logout', '<server>', '--profile', 'NAME')}`,
  })
}
