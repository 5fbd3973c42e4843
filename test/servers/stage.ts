// Everything a journey needs: authorization server, protected MCP server, a home of its own, a person, and a free callback port.
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type AuthorizationServerOptions, startAuthorizationServer } from './authorizationServer.ts'
import { startEverything } from './everything.ts'
import { freePort } from './freePort.ts'
import { PROGRAM, spawnHost, startHost } from './host.ts'
import { PATIENCE } from './patience.ts'
import { startProtectedServer } from './protectedServer.ts'
import { type Run, runProgram } from './runProgram.ts'
import { until, within } from './until.ts'

const PERSON = fileURLToPath(new URL('../servers/person.js', import.meta.url))

/** One for all stages of a test file: it takes half a second to start. */
let shared: ReturnType<typeof startEverything> | undefined

async function shareEverything() {
  shared ??= startEverything()
  const { url, port } = await shared
  return { url, port, close: async () => undefined }
}

interface StageOptions extends AuthorizationServerOptions {
  readonly dpop?: 'required' | 'none'
  /** For a test that ends the MCP server. */
  readonly everything?: 'own'
}

export async function startStage(options: StageOptions = {}) {
  const home = mkdtempSync(join(tmpdir(), 'mcp-oauth-bridge-test-'))
  const authorization = await startAuthorizationServer(options)
  const everything = await (options.everything === 'own' ? startEverything() : shareEverything())
  const server = await startProtectedServer({
    issuer: authorization.issuer,
    target: everything.url,
    ...(options.dpop ? { dpop: options.dpop } : {}),
  })
  const callbackUrl = `http://localhost:${await freePort()}/auth/callback`
  const log = join(home, 'tabs.log')
  const patient = join(home, 'patient.yaml')
  writeFileSync(patient, PATIENCE)
  const hosts: ReturnType<typeof startHost>[] = []
  const started: ChildProcess[] = []
  // Installed, as a person has it: hints name the command.
  mkdirSync(join(home, 'bin'))
  symlinkSync(PROGRAM, join(home, 'bin', 'mcp-oauth-bridge'))
  const environment = {
    PATH: `${join(home, 'bin')}:${process.env.PATH}`,
    HOME: home,
    MCP_OAUTH_BRIDGE_HOME: join(home, 'bridge'),
    BROWSER: PERSON,
    PERSON_LOG: log,
  }

  return {
    home,
    authorization,
    everything,
    server,
    callbackUrl,
    environment,
    /** Addresses opened in the browser so far. */
    tabs(): string[][] {
      try {
        return readFileSync(log, 'utf8')
          .trim()
          .split('\n')
          .map((line) => JSON.parse(line))
      } catch {
        return []
      }
    },
    /** Starts a bridge to the protected server. */
    host(args: string[] = [], extra: NodeJS.ProcessEnv = {}) {
      return this.hostOf(server.url, args, extra)
    },
    /** Starts a bridge to any server. */
    hostOf(url: string, args: string[] = [], extra: NodeJS.ProcessEnv = {}) {
      // A host of a test waits for its person; what an impatient one is told has tests of its own.
      const patience = { CONFIG_PATH: patient }
      const host = startHost([url, '--callback-url', callbackUrl, ...args], { ...environment, ...patience, ...extra })
      hosts.push(host)
      return host
    },
    /** Starts what an entry of a host's file names, with what a host hands on; it is patient. */
    hostOfEntry({ command, args, env }: { command: string; args: string[]; env?: NodeJS.ProcessEnv }) {
      const { PATH, HOME, BROWSER, PERSON_LOG } = environment
      const host = spawnHost(command, args, { PATH, HOME, BROWSER, PERSON_LOG, CONFIG_PATH: patient, ...env })
      hosts.push(host)
      return host
    },
    /** Runs a command to its end, in the home or `cwd`. */
    command(args: readonly string[], extra: NodeJS.ProcessEnv = {}, cwd = home): Promise<Run> {
      return runProgram(args, { ...environment, ...extra }, { cwd })
    },
    /** Runs doctor and gives its report. */
    async doctor(args: string[] = [server.url], extra: NodeJS.ProcessEnv = {}): Promise<any> {
      const callback = args.includes('--callback-url') ? [] : ['--callback-url', callbackUrl]
      const { code, stdout, stderr } = await this.command(['doctor', '--json', ...args, ...callback], extra)
      const report = JSON.parse(stdout)
      const found = (name: string) => report.checks.find((check: { name: string }) => check.name === name)
      return { code, stderr, text: stdout, report, found }
    },
    /** The lines of the log file, parsed. */
    logged(): any[] {
      const text = readFileSync(join(environment.MCP_OAUTH_BRIDGE_HOME, 'logs', 'proxy.log'), 'utf8')
      return text
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line))
    },
    /** Starts a command and goes on while it runs. */
    start(args: string[], extra: NodeJS.ProcessEnv = {}) {
      const child = spawn(process.execPath, [PROGRAM, ...args], {
        env: { ...environment, ...extra },
        cwd: home,
        stdio: ['pipe', 'pipe', 'pipe'],
      })
      started.push(child)
      let stderr = ''
      let stdout = ''
      const listeners: (() => void)[] = []
      child.stdin.on('error', () => undefined)
      child.stdout.on('data', (chunk) => {
        stdout += chunk
      })
      child.stderr.on('data', (chunk) => {
        stderr += chunk
        for (const look of listeners) look()
      })
      const exited: Promise<number | null> = new Promise((resolve) => child.once('exit', resolve))
      return {
        child,
        exited,
        /** What it has written to stdout. */
        stdout: () => stdout,
        /** The first match in what it says on stderr. */
        says(pattern: RegExp): Promise<string> {
          const said: Promise<string> = new Promise((resolve, reject) => {
            const look = () => {
              const [found] = pattern.exec(stderr) ?? []
              if (found !== undefined) resolve(found)
            }
            listeners.push(look)
            look()
            void exited.then((code) => reject(new Error(`it ended with ${code}: ${stderr}`)))
          })
          return within(`${pattern} on stderr`, said, () => stderr)
        },
      }
    },
    /** Writes a config file of this stage and gives its path; without a name it is the person's own, in the config folder. */
    config(text: string, name = 'bridge/config.yaml') {
      const path = join(home, name)
      mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
      writeFileSync(path, text)
      return path
    },
    /** Resolves when that many tabs have been opened. */
    untilTabs(count: number): Promise<string[][]> {
      return until(
        `${count} tabs`,
        () => this.tabs().length >= count && this.tabs(),
        () => this.tabs(),
      )
    },
    /** Resolves when the token endpoint has been asked that often. */
    async untilTokenRequests(count: number): Promise<void> {
      const { state } = authorization
      await until(
        `${count} token requests`,
        () => state.tokenRequests >= count,
        () => state.tokenRequests,
      )
    },
    /** Resolves when that many hosts listen: their GET streams went in, so none is about to. */
    async untilListening(count: number): Promise<void> {
      const listening = () => server.state.passed.filter(({ method }) => method === 'GET').length
      await until(`${count} GET streams`, () => listening() >= count, listening)
    },
    /** Process ids of the login processes of this stage. */
    loginProcesses: (): number[] =>
      processesOf(home).filter((pid) => readOrEmpty(`/proc/${pid}/cmdline`).includes('\0--attempt')),
    /** Resolves when another process than the killed one answers the callback. */
    async untilCallbackPortAnswersAgain(killed: number): Promise<void> {
      await until('another login process', () => this.loginProcesses().some((pid) => pid !== killed))
      await this.untilCallbackPortAnswers()
    },
    /** Resolves when so many login processes are left, and one of them answers the callback. */
    async untilLoginsLeft(count: number): Promise<void> {
      const left = () => this.loginProcesses()
      await until(`only ${count} login processes`, () => left().length <= count, left)
      if (count > 0) await this.untilCallbackPortAnswers()
    },
    /** Resolves when somebody answers the callback. */
    async untilCallbackPortAnswers(): Promise<void> {
      const port = Number(new URL(callbackUrl).port)
      await until('somebody on the callback port', () => isListening(port))
    },
    /** A person comes back to a tab that was left open, and finishes there. */
    visit(url: string): Promise<void> {
      return new Promise((resolve, reject) => {
        execFile(process.execPath, [PERSON, url], { env: { PATH: process.env.PATH } }, (error) =>
          error ? reject(error) : resolve(),
        )
      })
    },
    /** The same in a browser on another machine: where it ends, with code and state. */
    visitElsewhere(url: string): Promise<string> {
      const env = { PATH: process.env.PATH, PERSON_ELSEWHERE: callbackUrl }
      return new Promise((resolve, reject) => {
        execFile(process.execPath, [PERSON, url], { env }, (error, stdout) =>
          error ? reject(error) : resolve(stdout.trim()),
        )
      })
    },
    /** A program for BROWSER: `script` is shell with the address in $1; $SOMEBODY is the person of the tests. */
    opener(script: string, name = 'opener') {
      const path = join(home, name)
      writeFileSync(path, `#!/bin/sh\nSOMEBODY='${PERSON}'\n${script}\n`, { mode: 0o755 })
      return path
    },
    /** Command lines of this stage's processes as `ps` shows them. */
    commandLines: (): string[][] =>
      processesOf(home).map((pid) => readOrEmpty(`/proc/${pid}/cmdline`).split('\0').slice(0, -1)),
    /** Resolves when nobody listens on the callback port. */
    async callbackPortIsFree(): Promise<void> {
      const port = Number(new URL(callbackUrl).port)
      await until('a free callback port', async () => !(await isListening(port)))
    },
    async close() {
      for (const child of [...started, ...hosts.map((host) => host.child)])
        if (child.exitCode === null) child.kill('SIGKILL')
      endLeftovers(home)
      await Promise.allSettled([server.close(), authorization.close(), everything.close()])
      // A killed browser's children may still write for a moment.
      rmSync(home, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 })
    },
  }
}

function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}

/** Processes of this stage, known by their environment or words: login processes and browsers live on their own feet. */
function processesOf(home: string): number[] {
  // macOS has no /proc; what is left over there ends with its lease.
  if (!existsSync('/proc')) return []
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name))
  const marks = (pid: string) => [
    readOrEmpty(`/proc/${pid}/environ`).includes(`MCP_OAUTH_BRIDGE_HOME=${home}`),
    readOrEmpty(`/proc/${pid}/cmdline`).includes(`${home}/`),
  ]
  return pids.filter((pid) => marks(pid).some(Boolean)).map(Number)
}

function readOrEmpty(path: string) {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return ''
  }
}

export function endLeftovers(home: string) {
  for (const pid of processesOf(home)) {
    try {
      process.kill(pid, 'SIGKILL')
    } catch {
      // It ended by itself.
    }
  }
}
