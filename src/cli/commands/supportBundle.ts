// The support-bundle command: information for a support request as one JSON text without secrets, shown before it is written.
import { resolve } from 'node:path'
import type { App } from '../../compose/app.ts'
import type { Config } from '../../config/config.ts'
import { whyRefused } from '../../disk/whyRefused.ts'
import type { Report } from '../../doctor/examine.ts'
import { asBridgeError } from '../../errors.ts'
import { withoutControls, withoutQueries } from '../../redaction/text.ts'
import { writePrivate } from '../../system/files/private.ts'
import { recentLines } from '../../system/log/file.ts'
import { printableJson } from '../../system/log/printable.ts'
import type { ProcessIO } from '../process.ts'
import { anonymous } from '../terminal/anonymous.ts'
import { startAsking } from '../terminal/ask.ts'
import { isAtTerminal } from '../terminal/tty.ts'
import type { CommandLine } from '../words/args.ts'
import { examination } from './doctor.ts'
import { statusReport } from './status.ts'

const LOG_LINES = 300
const HIDDEN = '[hidden]'

type Parts = Pick<App, 'config' | 'clock' | 'network' | 'storage' | 'oauth' | 'person'>

export async function supportBundle(app: Parts, line: CommandLine, io: ProcessIO): Promise<number> {
  const { stdout, stderr, folder } = io
  const text = `${printableJson(anonymous(await bundle(app, io)), 2)}\n`
  stdout.write(text)
  const day = new Date(app.clock.now()).toISOString().slice(0, 10)
  const file = resolve(folder, line.flags.output ?? `mcp-oauth-bridge-support-${day}.json`)
  if (!line.has('yes') && !(await agreed(io, file))) {
    stderr.write('Nothing was written. Read it above; --yes writes it without asking.\n')
    return 0
  }
  writePrivate(file, text)
  stderr.write(`Written to ${withoutControls(file)}. Read it before you send it.\n`)
  return 0
}

/** @throws BridgeError cancelled */
async function agreed(io: ProcessIO, file: string): Promise<boolean> {
  if (!isAtTerminal(io)) return false
  const asking = startAsking(io)
  try {
    return (await asking.yes(`Write this to ${withoutControls(file)}?`, 'no')) === 'yes'
  } finally {
    asking.close()
  }
}

async function bundle(app: Parts, io: ProcessIO) {
  const { config, clock } = app
  const { environment } = io
  return {
    made_at: new Date(clock.now()).toISOString(),
    versions: { program: io.version, node: process.versions.node, system: `${process.platform} ${process.arch}` },
    doctor: withoutSubject(await examination(app, io)),
    status: await accounts(app),
    config: redacted(config),
    environment: NAMES.filter((name) => environment[name]).map((name) => `${name} is set`),
    log: lastLines(config),
  }
}

/** Without the subject of the token. */
function withoutSubject({ ok, checks, causes }: Report) {
  const cut = (text: string) => text.replace(/\bsub "[^"]*"/g, `sub ${HIDDEN}`)
  return { ok, causes, checks: checks.map((finding) => ({ ...finding, detail: cut(finding.detail) })) }
}

/** Names only: their values may hold passwords. */
const NAMES = [
  'CONFIG_PATH',
  'MCP_OAUTH_BRIDGE_HOME',
  'MCP_OAUTH_BRIDGE_KEY',
  'BROWSER',
  'DEBUG',
  'NODE_EXTRA_CA_CERTS',
  'SSL_CERT_FILE',
  'HTTPS_PROXY',
  'https_proxy',
  'HTTP_PROXY',
  'http_proxy',
  'NO_PROXY',
  'no_proxy',
  'DISPLAY',
  'WAYLAND_DISPLAY',
  'SSH_CONNECTION',
  'WSL_DISTRO_NAME',
  'DBUS_SESSION_BUS_ADDRESS',
]

/** Without the account: that somebody is signed in is enough. */
async function accounts(app: Parts) {
  try {
    const { accounts: rows, ...rest } = await statusReport(app, false)
    return {
      ...rest,
      accounts: rows.map(({ subject: _subject, email: _email, ...row }) => row),
    }
  } catch (thrown) {
    const { code, message } = asBridgeError(thrown)
    return { error: code, message }
  }
}

function lastLines({ logFile }: Config) {
  try {
    return recentLines(logFile, LOG_LINES)
  } catch (thrown) {
    return { message: `The log cannot be read: ${whyRefused(thrown)}.` }
  }
}

const namesOf = (values: Readonly<Record<string, unknown>>) =>
  Object.fromEntries(Object.keys(values).map((name) => [name, HIDDEN]))

/** An allowlist: a setting that is not listed here is not in the bundle. */
function redacted(config: Config) {
  const { server } = config
  return {
    profile: config.profile,
    callbackUrls: config.callbackUrls,
    sessionTimeoutMs: config.sessionTimeoutMs,
    database: config.database,
    dataFolder: config.dataFolder,
    secretStore: config.secretStore,
    loginMode: config.loginMode,
    connectTimeoutMs: config.connectTimeoutMs,
    requestTimeoutMs: config.requestTimeoutMs,
    logLevel: config.logLevel,
    logFile: config.logFile,
    forwardHeaders: config.forwardHeaders,
    blockedHeaders: config.blockedHeaders,
    userHeaders: config.userHeaders,
    browser: config.browser,
    hostLimit: config.hostLimit,
    serverLimit: config.serverLimit,
    hideTools: config.hideTools,
    holdInitializeMs: config.holdInitializeMs,
    holdCallMs: config.holdCallMs,
    server: server && {
      name: server.name,
      url: withoutQueries(server.url),
      transport: server.transport,
      protocol: server.protocol,
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
