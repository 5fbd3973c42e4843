// The HTTP gateway: reads its settings and keys, starts it, says where it is reached, and ends it in order.
import type { Gateway, GatewayOptions, RunningGateway } from '../../../compose/gateway.ts'
import type { Runtime } from '../../../compose/runtime.ts'
import type { Config } from '../../../config/config.ts'
import { readOwnFile } from '../../../config/file/ownFile.ts'
import type { ReadConfig } from '../../../config/file/unset.ts'
import { configFrom, type LoadOptions, loadFile } from '../../../config/load.ts'
import { secretsOf } from '../../../config/secrets.ts'
import { certificateWarnings } from '../../../config/serve/certificate.ts'
import { placesIn } from '../../../config/serve/faults.ts'
import { redirectUrisToRegister } from '../../../config/serve/redirectUris.ts'
import { serveSettings, withoutServers } from '../../../config/serve/serveSettings.ts'
import { serveWarnings } from '../../../config/serve/warnings.ts'
import { withoutKey } from '../../../doctor/gatewayChecks.ts'
import { asBridgeError, BridgeError, ERRORS } from '../../../errors.ts'
import type { ServeSettings } from '../../../gateway/settings.ts'
import { registerSecret } from '../../../redaction/register.ts'
import { shownUrl } from '../../../redaction/shownUrl.ts'
import { readServerKeys } from '../../../system/keychain/serverKeys.ts'
import type { ProcessIO } from '../../process.ts'

type Compose = (options: GatewayOptions) => Promise<Gateway>

/** Resolves when it has ended: 0 when it was asked to, 130 after Ctrl-C. @throws BridgeError for everything that keeps it from starting */
export async function serve(
  options: LoadOptions,
  io: ProcessIO,
  runtimeOf: (config: Config) => Runtime,
  compose: Compose = async (given) => (await import('../../../compose/gateway.ts')).composeGateway(given),
): Promise<number> {
  const starting = whileStarting(io)
  const { file, path } = await loadFile(options)
  if (path === undefined)
    throw new BridgeError('config_not_found', {
      message: 'serve needs a config file, and none was found.',
      hint: 'Create config.yaml in this folder (docs/gateway.md shows one), or name it with --config.',
    })
  const config = configFrom(withoutServers(file), options)
  const settings = await settingsOf(file, path, options)
  registerSecret([...secretsOf(config), ...secretsIn(settings)])
  const keys = await readServerKeys({ ...options, command: file.serve?.key_command })
  if (config.postgres && keys.length === 0) throw withoutKey()
  const runtime = runtimeOf(config)
  const { stderr } = io
  for (const warning of serveWarnings(file, settings)) stderr.write(`warning: ${warning}\n`)
  if (Number(process.versions.node.split('.')[0]) < 22)
    runtime.log.warn('serve:node', {
      message: `Node ${process.versions.node} is no longer maintained; use 22 or later.`,
    })
  const gateway = await compose({ config, settings, migrate: file.serve?.migrate ?? 'up', keys, runtime })
  const running = await Promise.race([gateway.start(), cancelled(io.ending)])
  stderr.write(startText(settings, running.url, config.postgres?.shown ?? config.database))
  const again = async () => renewCertificate(running, options, io)
  if (starting.isHungUp) void again()
  return ended(running, again, io)
}

/** A fault names its line, for which the file is read as YAML once more. @throws BridgeError config_invalid, config_not_found, insecure_url */
async function settingsOf(file: ReadConfig, path: string | undefined, { flags }: LoadOptions): Promise<ServeSettings> {
  try {
    return serveSettings(file, flags)
  } catch (thrown) {
    if (path === undefined || asBridgeError(thrown).code !== 'config_invalid') throw thrown
    const { parseYaml } = await import('../../../config/file/yamlText.ts')
    return serveSettings(file, flags, placesIn(parseYaml(readOwnFile(path).text), path))
  }
}

/** SIGHUP never ends a gateway: one that comes before it runs asks for files that may be newer than those it was started with. */
function whileStarting({ onSignal }: ProcessIO): { readonly isHungUp: boolean } {
  let isHungUp = false
  onSignal?.((signal) => {
    isHungUp ||= signal === 'SIGHUP'
    return signal === 'SIGHUP'
  })
  return {
    get isHungUp() {
      return isHungUp
    },
  }
}

/** A start that waits for something, such as a database. */
const cancelled = (ending: AbortSignal): Promise<never> =>
  new Promise((_, reject) => {
    if (ending.aborted) reject(new BridgeError('cancelled'))
    else ending.addEventListener('abort', () => reject(new BridgeError('cancelled')), { once: true })
  })

const secretsIn = ({ servers, providers, clients }: ServeSettings) => [
  ...servers.flatMap(({ headers }) => Object.values(headers)),
  ...providers.flatMap(({ clientSecret, clientKey, authorizeParameters }) => [
    clientSecret,
    clientKey,
    ...Object.values(authorizeParameters),
  ]),
  ...clients.known.map(({ secret }) => secret),
]

/** For the person who started it: where it listens, what is behind it, and what to paste into a host. */
function startText(settings: ServeSettings, url: string, database: string): string {
  const { publicUrl, callbackUrl, servers, providers } = settings
  const each = redirectUrisToRegister(settings)
  return [
    `Listening on ${url}${url === publicUrl ? '' : `, reached as ${publicUrl}`}`,
    `Database: ${database}`,
    ...(each.length === 0
      ? [`Sign-in: ${providers.map(({ name }) => name).join(', ')} (redirect URI ${callbackUrl})`]
      : ['Sign-in, with the redirect URI to register at each provider:', ...each.map((line) => `  ${line}`)]),
    'MCP servers, and the URL for a host:',
    ...servers.map(({ path, url: to }) => `  ${publicUrl}${path}  →  ${shownUrl(to)}`),
    '',
  ].join('\n')
}

/** SIGHUP: the files of serve.tls are read again; a fault is told, and the former certificate stays. */
async function renewCertificate(running: RunningGateway, options: LoadOptions, { stderr }: ProcessIO): Promise<void> {
  try {
    const { file, path } = await loadFile(options)
    const { tls } = await settingsOf(file, path, options)
    if (!tls) return
    running.useCertificate(tls)
    const warnings = certificateWarnings(tls).map((warning) => `warning: ${warning}\n`)
    stderr.write(['The certificate was reloaded.\n', ...warnings].join(''))
  } catch (thrown) {
    stderr.write(`warning: the certificate was not renewed: ${asBridgeError(thrown).message}\n`)
  }
}

/** The first signal lets requests finish; a second one ends the process now. Ctrl-C as either of them is what stopped it. */
function ended(running: RunningGateway, again: () => Promise<void>, { ending, onSignal }: ProcessIO): Promise<number> {
  return new Promise((resolve, reject) => {
    const code = () => (ending.reason === 'SIGINT' ? ERRORS.cancelled.exit : 0)
    const end = () => running.close().then(() => resolve(code()), reject)
    onSignal?.((signal) => {
      if (signal === 'SIGHUP') void again()
      else if (ending.aborted) resolve(signal === 'SIGINT' ? ERRORS.cancelled.exit : code())
      return signal === 'SIGHUP'
    })
    if (ending.aborted) void end()
    else ending.addEventListener('abort', () => void end(), { once: true })
  })
}
