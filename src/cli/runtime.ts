// What a composition gets of the command line: the process's streams, a log as loud as is asked for, and the keychain that suits the command.
import type { Runtime } from '../compose/runtime.ts'
import type { Config } from '../config/config.ts'
import type { LoginLauncher } from '../ports.ts'
import { clock } from '../system/clock.ts'
import { keychain as childProcessKeychain } from '../system/keychain/childProcess.ts'
import { inProcessKeychain } from '../system/keychain/inProcess.ts'
import { createLog } from '../system/log/log.ts'
import { canStartNode } from '../system/process/canStartNode.ts'
import type { ProcessIO } from './process.ts'
import { isAtTerminal } from './terminal/tty.ts'
import type { CommandLine } from './words/args.ts'

export function runtimeOf(io: ProcessIO, config: Config, line?: CommandLine): Runtime {
  const { stdin, stdout, stderr, environment } = io
  const debug = line?.has('debug') ?? false
  const chosen = line?.flags.logLevel === undefined ? 'warn' : config.logLevel
  const log = createLog({
    stderr,
    level: debug ? 'debug' : line?.has('verbose') ? 'info' : chosen,
    // Names of other programs' events match none of ours.
    namespaces: (environment.DEBUG ?? '').split(/[\s,]+/),
    file: config.logFile,
    fileLevel: debug ? 'debug' : config.logLevel,
  })
  if (config.sessionTimeoutMs < 300_000)
    log.warn('config:session_timeout', { message: 'session_timeout is low (< 300s)' })
  const keychain = line?.command === 'run' || !canStartNode() ? inProcessKeychain : childProcessKeychain
  const asks = line?.command === 'login' && isAtTerminal(io)
  return {
    stdin,
    stdout,
    stderr,
    environment,
    version: () => io.version,
    clock,
    log,
    launcher,
    keychain,
    ...(asks ? { confirmIssuer: (...of) => askForIssuer(io, ...of) } : {}),
  }
}

const askForIssuer = async (io: ProcessIO, issuer: string, clientId: string) =>
  (await import('./terminal/confirmIssuer.ts')).confirmIssuer(io, issuer, clientId)

/** Loaded when a sign-in is needed, which is rare. */
const launcher: LoginLauncher = {
  launch: async (job) => (await import('../system/process/loginLauncher.ts')).loginLauncher.launch(job),
}
