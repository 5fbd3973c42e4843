// The support-bundle command: information for a support request as one JSON text without secrets, shown before it is written.
import { resolve } from 'node:path'
import type { App } from '../../compose/app.ts'
import type { Config } from '../../config/config.ts'
import type { Report } from '../../doctor/examine.ts'
import { asBridgeError } from '../../errors.ts'
import { withoutControls, withoutQueries } from '../../redaction/text.ts'
import { writePrivate } from '../../system/files/private.ts'
import { recentLines } from '../../system/log/file.ts'
import { printableJson } from '../../system/log/printable.ts'
import type { ProcessIO } from '../run.ts'
import { anonymous } from '../terminal/anonymous.ts'
import { isAtTerminal, startAsking } from '../terminal/ask.ts'
import type { CommandLine } from '../words/args.ts'
import { examination } from './doctor.ts'
import { statusReport } from './status.ts'

const LOG_LINES = 300
const HIDDEN = '[hidden]'

export async function supportBundle(composed: App, line: CommandLine, world: ProcessIO): Promise<number> {
  const { stdout, stderr, folder } = world
  const text = `${printableJson(anonymous(await bundle(composed, world)), 2)}\n`
  stdout.write(text)
  const day = new Date(composed.clock.now()).toISOString().slice(0, 10)
  const file = resolve(folder, line.flags.output ?? `mcp-oauth-bridge-support-${day}.json`)
  if (!line.has('yes') && !(await agreed(world, file))) {
    stderr.write('Nothing was written. Read it above; --yes writes it without asking.\n')
    return 0
  }
  writePrivate(file, text)
  stderr.write(`Written to ${withoutControls(file)}. Read it before you send it.\n`)
  return 0
}

/** @throws BridgeError cancelled */
async function agreed(world: ProcessIO, file: string): Promise<boolean> {
  if (!isAtTerminal(world)) return false
  const asking = startAsking(world)
  try {
    return (await asking.yes(`Write this to ${withoutControls(file)}?`, 'no')) === 'yes'
  } finally {
    asking.close()
  }
}

async function bundle(composed: App, world: ProcessIO) {
  const { config, clock, environment } = composed
  return {
    made_at: new Date(clock.now()).toISOString(),
    versions: { program: world.version, node: process.versions.node, system: `${process.platform} ${process.arch}` },
    doctor: withoutSubject(await examination(composed, world)),
    status: await accounts(composed),
    config: redacted(config),
    environment: NAMES.filter((name) => environment[name]).map((name) => `${name} is set`),
    log: recentLines(config.logFile, LOG_LINES),
  }
}

/** Without the subject of the token. */
function withoutSubject({ ok, checks, causes }: Report) {
  const cut = (text: string) => text.replace(/\bsub "[^"]*"/g, `sub ${HIDDEN}`)
  return { ok, causes, checks: checks.map((finding) => ({ ...finding, detail: cut(finding.detail) })) }
}

/** Names only: their values may hold passwords. */
const NAMES = [
  ...[
    'CONFIG_PATH',
    'MCP_OAUTH_BRIDGE_HOME',
    'MCP_OAUTH_BRIDGE_KEY',
    'BROWSER',
    'DEBUG',
    'NODE_EXTRA_CA_CERTS',
    'SSL_CERT_FILE',
  ],
  ...['HTTPS_PROXY', 'https_proxy', 'HTTP_PROXY', 'http_proxy', 'NO_PROXY', 'no_proxy', 'DISPLAY', 'WAYLAND_DISPLAY'],
  ...['SSH_CONNECTION', 'WSL_DISTRO_NAME', 'DBUS_SESSION_BUS_ADDRESS'],
]

/** Without the account: that somebody is signed in is enough. */
async function accounts(composed: App) {
  try {
    const { accounts: rows, ...rest } = await statusReport(composed, false)
    return {
      ...rest,
      accounts: rows.map(({ subject: _subject, email: _email, ...row }) => row),
    }
  } catch (thrown) {
    const { code, message } = asBridgeError(thrown)
    return { error: code, message }
  }
}

const namesOf = (values: Readonly<Record<string, unknown>>) =>
  Object.fromEntries(Object.keys(values).map((name) => [name, HIDDEN]))

/** An allowlist: a setting that is not listed here is not in the bundle. */
function redacted(config: Config) {
  const { server, profile, callbackUrls, sessionTimeoutMs, database, dataFolder, secretStore, loginMode } = config
  const { connectTimeoutMs, requestTimeoutMs, logLevel, logFile, forwardHeaders, blockedHeaders, userHeaders } = config
  const { hostLimit, serverLimit, hideTools, holdInitializeMs, holdCallMs, browser } = config
  return {
    ...{ profile, callbackUrls, sessionTimeoutMs, database, dataFolder, secretStore, loginMode, connectTimeoutMs },
    ...{ requestTimeoutMs, logLevel, logFile, forwardHeaders, blockedHeaders, userHeaders, browser },
    ...{ hostLimit, serverLimit, hideTools, holdInitializeMs, holdCallMs },
    server: server && {
      ...{ name: server.name, url: withoutQueries(server.url), transport: server.transport },
      headers: namesOf(server.headers),
      allowHttp: server.allowHttp,
      exceptions: { ...server.exceptions, server: withoutQueries(server.exceptions.server) },
      certificates: server.certificates === undefined ? undefined : 'a ca_file',
      refreshStrategy: server.refreshStrategy,
      issuer: address(server.issuer),
      clientId: server.clientId,
      clientSecret: hidden(server.clientSecret),
      clientKey: hidden(server.clientKey),
      clientMetadataUrl: address(server.clientMetadataUrl),
      scopes: server.scopes,
      resource: address(server.resource),
      authorizeParameters: namesOf(server.authorizeParameters),
    },
  }
}

const hidden = (secret: string | undefined) => (secret === undefined ? undefined : HIDDEN)
const address = (url: string | undefined) => (url === undefined ? undefined : withoutQueries(url))
