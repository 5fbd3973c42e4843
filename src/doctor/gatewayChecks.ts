// The checks of the gateway's part of a config file, and of its PostgreSQL database.
import type { Config, Flags } from '../config/config.ts'
import type { ConfigFile } from '../config/file/schema.ts'
import type { PlaceOf } from '../config/serve/faults.ts'
import { serveSettings } from '../config/serve/serveSettings.ts'
import { serveNotes, serveWarnings } from '../config/serve/warnings.ts'
import { asBridgeError, BridgeError } from '../errors.ts'
import type { ServeSettings } from '../gateway/settings.ts'
import { judgePort } from './checks/callbackPort.ts'
import { postgresOutcome } from './checks/database.ts'
import { failure } from './configChecks.ts'
import type { PostgresLook } from './report/context.ts'
import { type Finding, fail, pass } from './report/finding.ts'

export interface GatewayReport {
  readonly findings: readonly Finding[]
  /** Sentences for the warnings of the file. */
  readonly warnings: readonly string[]
  /** Where it will listen, as a URL; undefined: its settings are wrong. */
  readonly listens: string | undefined
}

/** The settings of `serve` as a start would find them; `place`: where a key is. Runs no command, and asks nobody. */
export function gatewayChecks(file: ConfigFile, flags: Flags, place: PlaceOf): GatewayReport {
  try {
    const settings = serveSettings(file, flags, place)
    const notes = serveNotes(file, settings).map((note) => ({ name: 'serve', ...pass(note) }))
    return { findings: notes, warnings: serveWarnings(file, settings), listens: listenUrl(settings) }
  } catch (thrown) {
    const { code, message, hint } = asBridgeError(thrown)
    const findings = message.split('\n').map((line) => ({ name: 'serve', ...fail(code, line, hint) }))
    return { findings, warnings: [], listens: undefined }
  }
}

/** Where the gateway is to listen: it may listen there already, and takes no other port instead. */
export async function listenCheck({ listens }: Pick<GatewayReport, 'listens'>): Promise<Finding[]> {
  if (listens === undefined) return []
  const outcome = await judgePort(listens)
  if (outcome.status === 'pass') return []
  const detail = outcome.detail.replace('callback address', 'address of the gateway')
  const remedy =
    outcome.status === 'warn'
      ? 'If that is the gateway itself, all is well. Otherwise stop that program, or set serve.listen to another address.'
      : 'Set serve.listen to a port of 1024 or higher, such as 127.0.0.1:8080, with a proxy in front that has the other one.'
  const code = outcome.code === 'port_in_use' ? { code: 'listen_failed' as const } : {}
  return [{ name: 'callback_port', ...outcome, ...code, detail, remedy, status: 'warn' }]
}

function listenUrl({ listen: { host, port } }: ServeSettings): string {
  // Every interface: loopback is one of them.
  const name = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '[::1]' : host.includes(':') ? `[${host}]` : host
  return `http://${name}:${port}/auth/callback`
}

/** The same for check-config: one line that says no more where all is right. */
export async function postgresCheck(
  config: Pick<Config, 'postgres'>,
  open: () => Promise<PostgresLook>,
): Promise<Finding> {
  try {
    const outcome = await postgresOutcome(config, open)
    return { name: 'database', ...(outcome.status === 'pass' ? pass('Database connection valid') : outcome) }
  } catch (thrown) {
    return failure('database', thrown)
  }
}

/** PostgreSQL does not keep the sealing key: it must come from outside. */
export function keyCheck(
  file: ConfigFile,
  { postgres }: Pick<Config, 'postgres'>,
  environment: NodeJS.ProcessEnv,
): Finding[] {
  const { MCP_OAUTH_BRIDGE_KEY: key, MCP_OAUTH_BRIDGE_KEY_FILE: path } = environment
  if (!postgres || key || path || file.serve?.key_command) return []
  return [failure('key', withoutKey())]
}

export const withoutKey = () =>
  new BridgeError('key_missing', {
    message: 'The gateway on PostgreSQL needs a sealing key, and none is configured.',
    hint: 'Make one with openssl rand -base64 32 and keep it. Set MCP_OAUTH_BRIDGE_KEY, MCP_OAUTH_BRIDGE_KEY_FILE or serve.key_command to it, the same for all replicas.',
  })
