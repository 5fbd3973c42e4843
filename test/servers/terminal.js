// A terminal of its own (tmux) for what a person sees: starts a command in it, reads the screen, types keys.
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { PROGRAM } from './host.js'

let count = 0

/**
 * @param {{ home: string, environment: NodeJS.ProcessEnv }} stage
 * @param {string[]} args words after the program's name
 * @param {{ columns?: number, extra?: NodeJS.ProcessEnv }} [options]
 */
export function startTerminal(stage, args, { columns = 80, extra = {} } = {}) {
  const id = `${process.pid}-${++count}`
  const [socket, exit] = [join(stage.home, `tmux-${id}`), join(stage.home, `exit-${id}`)]
  const quoted = (/** @type {string} */ word) => `'${word.replaceAll("'", `'\\''`)}'`
  const variables = Object.entries({ ...stage.environment, ...extra }).map(([name, value]) => `${name}=${value}`)
  const words = ['env', '-i', 'TERM=screen-256color', ...variables, process.execPath, PROGRAM, ...args].map(quoted)
  // The pane stays after the command, so that its last screen can be read.
  // Ctrl-C is for the command, not for the shell around it.
  const script = `trap : INT; cd ${quoted(stage.home)}; ${words.join(' ')}; printf %s $? > ${quoted(exit)}; exec sleep 600`
  const tmux = (/** @type {string[]} */ ...more) =>
    execFileSync('tmux', ['-S', socket, '-f', '/dev/null', ...more], { encoding: 'utf8' })
  tmux('new-session', '-d', '-x', String(columns), '-y', '50', 'sh', '-c', script)
  return {
    /** What stands on the screen now. `colours`: with escape sequences. */
    screen: (/** @type {'plain' | 'colours'} */ form = 'plain') =>
      tmux('capture-pane', '-p', ...(form === 'colours' ? ['-e'] : [])),
    /** Resolves to the screen once it matches. @returns {Promise<string>} */
    async shows(/** @type {RegExp} */ pattern) {
      for (;;) {
        const text = this.screen()
        if (pattern.test(text)) return text
        await new Promise((resolve) => setImmediate(resolve))
      }
    },
    type: (/** @type {string[]} */ ...keys) => void tmux('send-keys', ...keys),
    /** Resolves to the exit code of the command. @returns {Promise<number>} */
    async exited() {
      for (;;) {
        const text = existsSync(exit) ? readFileSync(exit, 'utf8') : ''
        if (text !== '') return Number(text)
        await new Promise((resolve) => setImmediate(resolve))
      }
    },
    close() {
      try {
        tmux('kill-server')
      } catch {
        // It ended with the stage.
      }
    },
  }
}
