// A real terminal (tmux) with a shell in it: a person types, and what stands on the screen is read.
import { execFileSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { PROGRAM } from './host.ts'
import { until } from './until.ts'

const PROMPT = '$>'

interface Options {
  readonly environment: NodeJS.ProcessEnv
  readonly folder: string
  readonly columns?: number
  readonly rows?: number
  readonly shell?: string
}

export function openTerminal({ environment, folder, columns = 80, rows = 40, shell = 'sh' }: Options) {
  const socket = `mcp-oauth-bridge-${randomUUID()}`
  const tmux = (...args: string[]) =>
    execFileSync('tmux', ['-u', '-L', socket, '-f', '/dev/null', ...args], { encoding: 'utf8', cwd: folder })
  const variables = Object.entries({ ...environment, TERM: 'screen-256color', LANG: 'C.UTF-8', PS1: `${PROMPT} ` })
  const words = ['env', '-i', ...variables.map(([name, value]) => `${name}=${value}`), ...shell.split(' ')]
  tmux('new-session', '-d', '-x', String(columns), '-y', String(rows), '-c', folder, ...words)

  return {
    /** What stands on the screen, with wrapped lines joined. */
    screen: () => tmux('capture-pane', '-p', '-J').trimEnd(),
    /** The lines as they are shown. */
    lines: () => tmux('capture-pane', '-p').trimEnd().split('\n'),
    /** The screen with the escape sequences of its colours. */
    colours: () => tmux('capture-pane', '-p', '-e'),
    /** Resolves to the screen as soon as it shows this. */
    shows(pattern: RegExp): Promise<string> {
      let screen = ''
      const look = () => {
        screen = this.screen()
        return pattern.test(screen) && screen
      }
      return until(`${pattern} on the screen`, look, () => screen)
    },
    /** Types text as it is. */
    type: (text: string) => void tmux('send-keys', '-l', text),
    /** Presses keys by name: Enter, C-c, C-d, Tab. */
    press: (...keys: string[]) => void tmux('send-keys', ...keys),
    /** Types a line and presses Enter. */
    enter(text: string) {
      this.type(text)
      this.press('Enter')
    },
    /** Runs the program; its exit code appears as `exit=N`. */
    run(...args: string[]) {
      const quoted = [process.execPath, PROGRAM, ...args].map((word) => `'${word}'`).join(' ')
      this.enter(`clear; ${quoted}; code=$?; echo; echo exit=$code`)
    },
    /** The exit code and the last screen, once the shell is back; the terminal must be as it was. */
    async exits(): Promise<{ code: number; screen: string; lines: string[]; colours: string }> {
      const screen = await this.shows(/^exit=\d+\s+\$>\s*$/m)
      const [lines, colours] = [this.lines(), this.colours()]
      this.enter('clear; stty -a | grep -cE "(^| )(icanon|echo)( |;|$)"')
      const modes = await this.shows(/^\d+\s+\$>\s*$/m)
      if (!/^[12]\b/m.test(modes)) throw new Error(`the terminal is not as it was:\n${modes}`)
      if (tmux('display-message', '-p', '#{cursor_flag}').trim() !== '1') throw new Error('the cursor is hidden')
      return { code: Number(/^exit=(\d+)/m.exec(screen)?.[1]), screen, lines, colours }
    },
    close() {
      try {
        tmux('kill-server')
      } catch {
        // The shell has ended by itself.
      }
    },
  }
}
