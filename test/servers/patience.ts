// A host of a test waits for its server and its person, unless its config says otherwise: on a busy machine every server is slow.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'

export const PATIENCE = 'login: { hold_initialize_ms: 120000, hold_call_ms: 120000 }\n'

/** The same words and environment with a config that is the given one, and patient where that says nothing about `login`. */
export function withPatience(args: readonly string[], environment: NodeJS.ProcessEnv, folder = process.cwd()) {
  const { CONFIG_PATH, MCP_OAUTH_BRIDGE_HOME: home } = environment
  const at = args.indexOf('--config')
  const own = home === undefined ? undefined : join(home, 'config.yaml')
  const given = (at === -1 ? undefined : args[at + 1]) ?? CONFIG_PATH ?? (own && existsSync(own) ? own : undefined)
  if (given === undefined && home === undefined) return { args, environment }
  const text = given === undefined ? '' : readFileSync(resolve(folder, given), 'utf8')
  if (/^login:/m.test(text)) return { args, environment }
  const file =
    given === undefined ? join(dirname(home ?? ''), 'patient.yaml') : `${resolve(folder, given)}.patient.yaml`
  const wanted = text === '' || text.endsWith('\n') ? text + PATIENCE : `${text}\n${PATIENCE}`
  // Another host may be reading it.
  if (!existsSync(file) || readFileSync(file, 'utf8') !== wanted) writeFileSync(file, wanted, { mode: 0o600 })
  if (at === -1) return { args, environment: { ...environment, CONFIG_PATH: file } }
  return { args: [...args.slice(0, at + 1), file, ...args.slice(at + 2)], environment }
}
