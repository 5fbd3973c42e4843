// Instructions for a person who opens the address manually: where to open it, and how the response returns to this machine.
import { withOwnCommands } from '../../ownCommand.ts'
import { withoutControls } from '../../redaction/text.ts'
import type { DesktopFacts } from '../deps.ts'

export interface Instructions {
  readonly url: URL
  readonly redirectUri: string
  readonly desktop: DesktopFacts
  readonly environment: NodeJS.ProcessEnv
  /** How this terminal can accept the response. */
  readonly answers: 'pasted' | 'callback only'
}

export function instructions({ url, redirectUri, desktop, environment, answers }: Instructions): string {
  const here = desktop.ssh || desktop.container ? 'a browser on your own machine' : 'a browser'
  const lines = [`Open this address in ${here} to sign in:`, url.href]
  if (desktop.ssh) {
    const { hostname, port } = new URL(redirectUri)
    const forwarded = `${port || 80}:${hostname}:${port || 80}`
    lines.push(
      'To let the browser return to this machine, first forward the port on your own machine:',
      `  ssh -L ${forwarded} ${target(environment)}`,
    )
  }
  if (answers === 'callback only' && desktop.browser === 'none')
    lines.push(
      withOwnCommands(
        'If the browser cannot return to this machine, run mcp-oauth-bridge login in a terminal and paste the address.',
      ),
    )
  return `${lines.join('\n')}\n`
}

/** SSH_CONNECTION is "client port server port": the server's address is how the person reached this machine. */
function target({ USER, LOGNAME, SSH_CONNECTION }: NodeJS.ProcessEnv): string {
  const host = /^\S+ \d+ ([\w.:%-]+) \d+$/.exec(SSH_CONNECTION ?? '')?.[1] ?? 'this-host'
  const user = USER ?? LOGNAME
  return withoutControls(user === undefined ? host : `${user}@${host}`)
}
