// Starts the login process so that it outlives the bridge and a host that ends its process tree; its job goes through a pipe, never argv.
import { type ChildProcess, spawn } from 'node:child_process'
import { resolve } from 'node:path'
import { Writable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { BridgeError } from '../../errors.ts'
import type { LoginLauncher } from '../../ports.ts'
import type { LoginJob } from '../../records.ts'
import { canStartNode } from './canStartNode.ts'
import { launchThread } from './loginThread.ts'
import { findProgram, type Machine, thisMachine, withSafePath } from './programs.ts'

/**
 * What we start puts the login process behind itself and ends, so that no walk from parents to children leads there. A shell does
 * that without a second start of Node. The job comes on descriptor 3, which becomes stdin.
 */
const BY_SHELL = '"$@" <&3 3<&- & exit 0'
/** Where there is no shell. */
const byNode = (node: string, words: readonly string[]) =>
  `import('node:child_process').then(({ spawn }) => spawn(${JSON.stringify(node)}, ${JSON.stringify(words)},
    { detached: true, stdio: [3, 'ignore', 'ignore'], windowsHide: true }).unref())`

export const loginLauncher: LoginLauncher = {
  launch(job) {
    const program = fileURLToPath(new URL('../bin/mcp-oauth-bridge.js', import.meta.url))
    return canStartNode() ? launch(thisMachine(process.env), program, job) : launchThread(program, job)
  },
}

/** Resolves when the login process is on its own and the job is in its stdin as a whole. @throws BridgeError internal */
export async function launch(machine: Machine, program: string, job: LoginJob): Promise<void> {
  const node = process.execPath
  const words = [program, 'login', '--attempt']
  const shell = machine.platform === 'win32' || !machine.isProgram('/bin/sh') ? undefined : '/bin/sh'
  const wordsOfShell = ['-c', BY_SHELL, 'sh', ...ownSession(machine), node, ...words]
  // The shell would end well whether or not Node is still where we were started from.
  if (shell && machine.isProgram(node) && (await start(machine, shell, wordsOfShell, job))) return
  if (await start(machine, node, ['-e', byNode(node, words)], job)) return
  throw new BridgeError('internal', {
    message: 'The login process could not be started.',
    hint: `Quit the host and start it again. If ${node} is gone, for example after an update of Node, run mcp-oauth-bridge install again.`,
  })
}

/** A session and a process group apart from those of the shell. macOS has no such program: there it stays in the shell's. */
function ownSession(machine: Machine): string[] {
  const setsid = findProgram('setsid', machine)
  return setsid === undefined ? [] : [setsid]
}

/** False: it could not be started, or failed. */
async function start(machine: Machine, program: string, words: readonly string[], job: LoginJob): Promise<boolean> {
  let child: ChildProcess
  try {
    // Its output goes to the log file only: an inherited stderr would keep the host waiting for our end.
    child = spawn(program, words, {
      detached: true,
      stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
      windowsHide: true,
      env: environmentOf(machine),
    })
  } catch {
    // Node tells some failures by an event, and throws the others.
    return false
  }
  child.unref()
  const written = new Promise<boolean>((done) => {
    const pipe = child.stdio[3]
    if (!(pipe instanceof Writable)) return done(false)
    // Not by the callback of `end`, which Node calls for an error too.
    pipe.once('finish', () => {
      done(true)
      pipe.destroy()
    })
    pipe.on('error', () => done(false)).once('close', () => done(false))
    // A line, so that a part of it is not taken for the whole.
    pipe.end(`${JSON.stringify(job)}\n`)
  })
  const started = new Promise<boolean>((done) => {
    child.once('error', () => done(false))
    child.once('exit', (code) => done(code === 0))
  })
  return (await started) && written
}

/** The login process leaves the working folder: no program may come from there, and no variable may name a file relative to it. */
function environmentOf(machine: Machine): NodeJS.ProcessEnv {
  const environment = withSafePath(machine)
  const { NODE_EXTRA_CA_CERTS: certificates } = environment
  return certificates ? { ...environment, NODE_EXTRA_CA_CERTS: resolve(machine.folder, certificates) } : environment
}
