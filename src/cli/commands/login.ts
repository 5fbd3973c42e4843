// login: a person at a terminal signs in; what they wish for, and how it ended.
import type { App } from '../../compose/app.ts'
import { withoutControls, withoutQueries } from '../../redaction/text.ts'
import { type SignInWishes, signIn } from '../../signin/signIn.ts'
import type { ProcessIO } from '../process.ts'
import { createSignInTerminal } from '../terminal/signInTerminal.ts'
import type { CommandLine } from '../words/args.ts'

export async function login(
  app: Pick<App, 'clock' | 'signIn'>,
  line: CommandLine,
  { stdin, stderr, environment, ending }: ProcessIO,
): Promise<number> {
  const deps = await app.signIn()
  const { server, profile } = deps.settings.key
  const shown = withoutControls(`${withoutQueries(server)}${profile === 'default' ? '' : ` (profile ${profile})`}`)
  const qr = line.has('no-qr') ? 'left out' : 'shown'
  const terminal = createSignInTerminal({ stdin, stderr, environment }, app.clock, qr)
  const signedIn = await signIn(deps, wishesOf(line), terminal, ending)
  switch (signedIn.as) {
    case 'before':
      stderr.write(`Already signed in to ${shown}. Use --force to sign in again.\n`)
      break
    case 'client':
      stderr.write(`Signed in to ${withoutQueries(server)} with client credentials.\n`)
      break
    case 'person': {
      const { email } = signedIn.account ?? {}
      stderr.write(`Signed in to ${shown}${email ? ` as ${withoutControls(email)}` : ''}.\n`)
    }
  }
  return 0
}

const wishesOf = (line: CommandLine): SignInWishes => ({
  when: line.has('force') ? 'again' : 'if-needed',
  how: line.has('paste') ? 'paste' : line.has('device') ? 'device' : 'browser',
})
