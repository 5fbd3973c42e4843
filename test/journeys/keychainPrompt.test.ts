// A keychain whose unlock prompt nobody answers: whoever waits for it can leave at once, and nothing is lost or left behind.
import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import BetterSqlite3 from 'better-sqlite3'
import { afterEach, describe, expect, test } from 'vitest'
import { has } from '../needs.ts'
import { PROGRAM, spawnHost } from '../servers/host.ts'
import { startStage } from '../servers/stage.ts'
import { openTerminal } from '../servers/terminal.ts'
import { until } from '../servers/until.ts'

const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

const UNLOCKED = `printf 'pw\\n' | gnome-keyring-daemon --unlock --components=secrets --daemonize >/dev/null 2>&1`
const LOCKED = 'gnome-keyring-daemon --start --components=secrets --daemonize >/dev/null 2>&1'

/** Somebody is signed in with the key in a keyring that is locked now; its prompt comes up and is never answered. */
async function behindAPrompt() {
  const stage = await startStage()
  closing.push(() => stage.close())
  const [runtime, services] = [join(stage.home, 'run'), join(stage.home, 'share/dbus-1/services')]
  const [prompter, prompted] = [join(stage.home, 'prompter'), join(stage.home, 'prompted')]
  mkdirSync(runtime, { mode: 0o700 })
  mkdirSync(services, { recursive: true })
  writeFileSync(prompter, `#!/bin/sh\necho $$ > '${prompted}'\nexec sleep 600 >/dev/null 2>&1\n`, { mode: 0o755 })
  const name = 'org.gnome.keyring.SystemPrompter'
  writeFileSync(join(services, `${name}.service`), `[D-BUS Service]\nName=${name}\nExec=${prompter}\n`)
  const environment = { ...stage.environment, XDG_RUNTIME_DIR: runtime, XDG_DATA_HOME: join(stage.home, 'share') }

  const login = (...more: string[]) => ['login', stage.server.url, '--callback-url', stage.callbackUrl, ...more]
  /** A command to its end in a session of its own. */
  const command = (keyring: string, words: string[]) =>
    new Promise<{ code: number; stdout: string; stderr: string }>((resolve) => {
      const script = ['-c', `${keyring}; exec "$0" "$@"`, process.execPath, PROGRAM, ...words]
      execFile('dbus-run-session', ['--', 'sh', ...script], { env: environment }, (error, stdout, stderr) =>
        resolve({ code: Number(error?.code ?? 0), stdout, stderr }),
      )
    })
  const unlocked = async (words: string[]) => (await command(UNLOCKED, words)).stderr
  expect(await unlocked(login())).toContain('Signed in to')

  const home = stage.environment.MCP_OAUTH_BRIDGE_HOME
  return {
    stage,
    environment,
    login,
    unlocked,
    locked: (words: string[]) => command(LOCKED, words),
    isPrompted: () => existsSync(prompted),
    untilPrompted: () => until('a prompt', () => existsSync(prompted) && readFileSync(prompted, 'utf8')),
    /** The prompt is still up: nobody has answered it, and nothing has given it up. */
    promptIsOpen: () => process.kill(Number(readFileSync(prompted, 'utf8')), 0),
    terminal() {
      const terminal = openTerminal({ environment, folder: stage.home, shell: 'dbus-run-session -- sh' })
      closing.push(() => terminal.close())
      terminal.enter(LOCKED)
      return terminal
    },
    /** What is kept, file by file and row by row. */
    kept() {
      const database = new BetterSqlite3(join(home, 'oauth.db'), { readonly: true })
      const rows = (sql: string) => database.prepare(sql).all()
      const kept = {
        files: readdirSync(home, { recursive: true })
          .map(String)
          .filter((file) => !/-(wal|shm)$/.test(file))
          .sort(),
        sound: rows('PRAGMA integrity_check'),
        tokens: rows('SELECT * FROM tokens'),
        slots: rows('SELECT * FROM key_slots'),
        leases: rows('SELECT * FROM leases'),
        open: rows("SELECT * FROM sessions WHERE status NOT IN ('finished', 'failed')"),
      }
      database.close()
      return kept
    },
  }
}

describe.skipIf(!has('tmux') || !has('gnome-keyring-daemon') || !has('dbus-run-session'))(
  'while the keychain’s prompt is open',
  () => {
    test.each([
      ['login', [], 130, 'The sign-in was interrupted.'],
      ['login', ['--force'], 130, 'The sign-in was interrupted.'],
      ['refresh', [], 130, 'Cancelled.'],
    ] as const)('Ctrl-C ends %s %j with exit code %d, and nothing is half done', async (command, more, exit, said) => {
      const { stage, login, unlocked, untilPrompted, promptIsOpen, terminal: open, kept } = await behindAPrompt()
      const before = kept()
      expect([before.open, before.leases]).toEqual([[], []])
      const terminal = open()
      terminal.run(command, ...login(...more).slice(1))
      await untilPrompted()
      terminal.press('C-c')
      const { code, screen } = await terminal.exits()
      expect(promptIsOpen()).toBe(true)
      expect(code).toBe(exit)
      expect(screen).toContain(`error: ${said}`)
      expect(screen).not.toMatch(/Killed|keychain/)
      expect(kept()).toEqual(before)
      await stage.callbackPortIsFree()
      expect(await unlocked(login())).toContain('Already signed in')
      expect(stage.tabs()).toHaveLength(1)
    })

    test('Issue: keychain locked, or key missing: doctor names the prompt keychain_locked, with exit code 5', async () => {
      const { locked, login, untilPrompted } = await behindAPrompt()
      const [{ code, stdout }] = await Promise.all([locked(['doctor', '--json', ...login().slice(1)]), untilPrompted()])
      const { likely_cause, causes } = JSON.parse(stdout)
      expect(causes).toEqual(['keychain'])
      expect(likely_cause).toMatchObject({ name: 'keychain', code: 'keychain_locked' })
      // Its own limit, not that of the keychain call: a timer that was collected as garbage let it wait on (Node 20).
      expect(likely_cause.detail).toBe('This check did not finish within 8 s.')
      expect(likely_cause.remedy).toContain('Unlock the keychain')
      expect(code).toBe(5)
    })

    test('status needs no key: it shows who is signed in, and no prompt appears', async () => {
      const { stage, terminal: open, isPrompted } = await behindAPrompt()
      const terminal = open()
      terminal.run('status', stage.server.url)
      const { code, screen } = await terminal.exits()
      expect(code).toBe(0)
      expect(screen).toContain('alice@example.com')
      expect(isPrompted()).toBe(false)
    })

    // It asks the keychain in its own process, for the sake of every start; then there is no orderly way out of a prompt.
    test('a bridge whose host closes stdin ends at once, and leaves no process behind', async () => {
      const { stage, environment, untilPrompted, promptIsOpen } = await behindAPrompt()
      const words = [process.execPath, PROGRAM, stage.server.url, '--callback-url', stage.callbackUrl]
      const script = [
        '--',
        'sh',
        '-c',
        `${LOCKED}; "$0" "$@"; code=$?; kill -0 $(cat prompted) && exit $code`,
        ...words,
      ]
      const host = spawnHost('env', ['-C', stage.home, 'dbus-run-session', ...script], environment)
      void host.initialize().catch(() => undefined)
      await untilPrompted()
      expect(promptIsOpen()).toBe(true)
      expect(await host.close()).toBe(128 + 9)
      const ours = () => stage.commandLines().filter((line) => line.some((word) => /\/bin\/[\w-]+\.js$/.test(word)))
      await until('the end of all our processes', () => ours().length === 0, ours)
    })
  },
)
