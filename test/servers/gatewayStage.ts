// Everything a journey of the gateway needs: a provider, an MCP server, the built program as `serve` on either engine, and a person
import { type ChildProcess, spawn } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { stringify } from 'yaml'
import { startAuthorizationServer } from './authorizationServer.ts'
import { type Browsing, openBrowsing } from './browsing.ts'
import { startEverything } from './everything.ts'
import { freePort } from './freePort.ts'
import { PROGRAM } from './host.ts'
import { startPostgres } from './postgres.ts'
import { runProgram } from './runProgram.ts'
import { until } from './until.ts'

export interface GatewayStageOptions {
  readonly engine?: 'sqlite' | 'postgres'
  /** URL of the MCP server behind it; preset: server-everything. */
  readonly target?: string
  /** Members of config.yaml, beside or instead of the stage's. */
  readonly config?: Readonly<Record<string, unknown>>
  /** Members of `serve`. */
  readonly serve?: Readonly<Record<string, unknown>>
  readonly environment?: Readonly<Record<string, string>>
  /** Started as `./mcp-oauth-proxy` without a command, with its data beside config.yaml, as the troubleshooting guide has it. */
  readonly asInGuide?: boolean
  /** Of a proxy in front of it, which passes on to `port`, or of `serve.tls`; preset: http at `port` of localhost. */
  readonly publicUrl?: string
  /** Preset: a free one. */
  readonly port?: number
  /** `form`: the provider shows its pages to a browser; preset: it signs in whoever comes. */
  readonly person?: 'approve' | 'form'
}

export type GatewayStage = Awaited<ReturnType<typeof startGatewayStage>>

const GATEWAY_PROGRAM = fileURLToPath(new URL('../../bin/mcp-oauth-proxy.js', import.meta.url))

/** One PostgreSQL for all stages of a test file: it takes a second to start. */
let cluster: ReturnType<typeof startPostgres> | undefined

/** Call it when the tests of the file are over. */
export async function closePostgres(): Promise<void> {
  await (await cluster)?.close()
  cluster = undefined
}

export async function startGatewayStage(options: GatewayStageOptions = {}) {
  const home = mkdtempSync(join(tmpdir(), 'mcp-oauth-bridge-gateway-'))
  const data = options.asInGuide ? home : join(home, 'data')
  mkdirSync(data, { recursive: true })
  if (options.asInGuide) symlinkSync(GATEWAY_PROGRAM, join(home, 'mcp-oauth-proxy'))
  const provider = await startAuthorizationServer({ person: options.person ?? 'approve' })
  // An address that is not verified is told to no server.
  Object.assign(provider.state.claims, { email_verified: true })
  const everything = options.target === undefined ? await startEverything() : undefined
  const port = options.port ?? (await freePort())
  const origin = `http://localhost:${port}`
  const callback = `${options.publicUrl ?? origin}/auth/callback`
  const client = await registerAt(provider.issuer, callback)
  cluster = options.engine === 'postgres' ? (cluster ?? startPostgres()) : cluster
  const database = options.engine === 'postgres' ? await (await cluster)?.fresh() : undefined
  const config = join(home, 'config.yaml')
  const test = { issuer: provider.issuer, ...client, scopes: ['openid', 'email', 'profile', 'offline_access'] }
  const listen = options.publicUrl === undefined ? {} : { listen: `127.0.0.1:${port}` }
  const write = (members: Readonly<Record<string, unknown>> = {}) =>
    writeFileSync(
      config,
      stringify({
        mcp_server_url: options.target ?? everything?.url,
        callback_url: callback,
        providers: { test },
        ...(database === undefined ? {} : { database_url: database }),
        serve: { access: 'everyone', ...listen, ...options.serve },
        ...options.config,
        ...members,
      }),
      { mode: 0o600 },
    )
  write()
  const environment = {
    PATH: process.env.PATH ?? '',
    HOME: home,
    MCP_OAUTH_BRIDGE_HOME: data,
    ...(options.asInGuide ? {} : { CONFIG_PATH: config }),
    ...(database === undefined ? {} : { MCP_OAUTH_BRIDGE_KEY: randomBytes(32).toString('base64') }),
    ...options.environment,
  }
  const running: ReturnType<typeof watchServe>[] = []
  /** Starts `serve`; another one on the same database is a replica at the port that it is told. */
  const serve = async (words: readonly string[] = [], more: Readonly<Record<string, string>> = {}) => {
    const start = options.asInGuide ? startProxy : startServe
    const one = start([...(options.asInGuide ? [] : ['serve']), ...words], { ...environment, ...more }, home)
    running.push(one)
    await one.ready()
    return one
  }
  const close = async () => {
    await Promise.all(running.map((one) => one.kill('SIGKILL')))
    await everything?.close()
    await provider.close()
    rmSync(home, { recursive: true, force: true })
  }
  const first = await serve().catch(async (thrown) => {
    await close()
    throw thrown
  })

  return {
    home,
    config,
    environment,
    /** Where it listens, which is the public URL without another one; and the URL of the one MCP server for clients. */
    origin,
    url: `${options.publicUrl ?? origin}/mcp`,
    port,
    provider,
    /** Its entry in `providers` of config.yaml. */
    providerEntry: test,
    everything,
    /** `postgresql://…`, with a password; undefined: SQLite, in data/oauth.db of `home`. */
    database,
    cluster: () => cluster,
    /** The process that was started first. */
    first,
    /** The one that was started last. */
    last: () => running.at(-1) ?? first,
    serve,
    /** Writes config.yaml anew with these members; a process reads it when it starts. */
    configure: write,
    command: (words: readonly string[], more: Readonly<Record<string, string>> = {}) =>
      runProgram(words, { ...environment, ...more }, { cwd: home }),
    /** Registers a client, signs a person in and redeems the code. Gives what /token answered, and what it was asked with. */
    signIn: (of: SignInAs = {}) => signInAt(origin, of),
    /** As far as the code: what /token is to be asked with. */
    code: async (of: SignInAs = {}) => (await codeAt(origin, of)).asked,
    close,
  }
}

export const startServe = (words: readonly string[], env: NodeJS.ProcessEnv, cwd: string) =>
  watchServe(spawn(process.execPath, [PROGRAM, ...words], { env, cwd, stdio: ['ignore', 'pipe', 'pipe'] }))

const startProxy = (words: readonly string[], env: NodeJS.ProcessEnv, cwd: string) =>
  watchServe(spawn('./mcp-oauth-proxy', words, { env, cwd, stdio: ['ignore', 'pipe', 'pipe'] }))

function watchServe(child: ChildProcess) {
  let said = ''
  let printed = ''
  child.stderr?.on('data', (chunk) => {
    said += chunk
  })
  child.stdout?.on('data', (chunk) => {
    printed += chunk
  })
  const exited = new Promise<number | null>((resolve) => child.once('exit', resolve))
  return {
    pid: child.pid as number,
    /** What it wrote on stderr and on stdout so far. */
    said: () => said,
    printed: () => printed,
    exited,
    ready: () =>
      until(
        'serve to listen',
        () => {
          if (child.exitCode !== null) throw new Error(`serve ended with ${child.exitCode}: ${said}`)
          return said.includes('Listening on ')
        },
        () => said,
      ),
    async kill(signal: NodeJS.Signals) {
      if (child.exitCode === null && child.signalCode === null) child.kill(signal)
      return await exited
    },
  }
}

async function registerAt(issuer: string, redirectUri: string) {
  const answer = await fetch(`${issuer}/reg`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      redirect_uris: [redirectUri],
      grant_types: ['authorization_code', 'refresh_token'],
      token_endpoint_auth_method: 'client_secret_basic',
    }),
  })
  const { client_id, client_secret } = (await answer.json()) as Record<string, string>
  return { client_id, client_secret }
}

export interface SignInAs {
  readonly redirectUri?: string
  readonly clientName?: string
  readonly resource?: string
  /** `no` declines. */
  readonly answer?: string
  /** Of a client that is registered already, and its secret. */
  readonly clientId?: string
  readonly clientSecret?: string
  /** The person's browser; preset: a new one. */
  readonly browsing?: Browsing
}

/** A client by hand. @throws Error with the `error` that came instead of a code */
export async function signInAt(origin: string, of: SignInAs) {
  const { flow, back } = await codeAt(origin, of)
  return await flow.redeem(back)
}

async function codeAt(origin: string, of: SignInAs) {
  const flow = await beginAt(origin, of)
  const { url, text } = await (of.browsing ?? openBrowsing()).follow(flow.url, flow.redirectUri, of.answer ?? 'yes')
  const back = url.searchParams
  // The provider's redirect has a code too.
  if (!url.href.startsWith(flow.redirectUri) || !back.has('code'))
    throw new Error(`${back.get('error') ?? `${url.href} ${text}`}: ${back.get('error_description') ?? ''}`)
  return { flow, back, asked: flow.asked(back) }
}

/** The address that a client opens in a browser, and what it does with what comes back. */
export async function beginAt(origin: string, of: SignInAs) {
  const { redirectUri = 'http://127.0.0.1:33418/callback', resource = `${origin}/mcp` } = of
  const clientId = of.clientId ?? (await registerClient(origin, redirectUri, of.clientName))
  const verifier = randomBytes(48).toString('base64url')
  const state = randomBytes(8).toString('hex')
  const query = new URLSearchParams({
    ...{ response_type: 'code', client_id: clientId, redirect_uri: redirectUri, state, resource },
    ...{ code_challenge: createHash('sha256').update(verifier).digest('base64url'), code_challenge_method: 'S256' },
  })
  const asked = (back: URLSearchParams) => ({
    ...{ grant_type: 'authorization_code', code: back.get('code') ?? '', redirect_uri: redirectUri },
    ...{ client_id: clientId, code_verifier: verifier, resource },
    ...(of.clientSecret === undefined ? {} : { client_secret: of.clientSecret }),
  })
  return {
    url: `${origin}/authorize?${query}`,
    redirectUri,
    state,
    /** The request that redeems what came back. */
    asked,
    async redeem(back: URLSearchParams) {
      const request = asked(back)
      const tokens = await tokenAt(origin, request)
      return { clientId, redirectUri, resource, back, asked: request, ...tokens.body, status: tokens.status }
    },
  }
}

export async function registerClient(origin: string, redirectUri: string, name = 'Test client'): Promise<string> {
  const answer = await fetch(`${origin}/register`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      ...{ client_name: name, redirect_uris: [redirectUri], token_endpoint_auth_method: 'none' },
      grant_types: ['authorization_code', 'refresh_token'],
    }),
  })
  const body = (await answer.json()) as { client_id?: string }
  if (body.client_id === undefined) throw new Error(`registration: ${answer.status} ${JSON.stringify(body)}`)
  return body.client_id
}

export interface TokenAnswer {
  readonly access_token: string
  readonly refresh_token: string
  readonly token_type: string
  readonly expires_in: number
  readonly scope: string
  readonly error: string
  readonly error_description: string
}

export async function tokenAt(origin: string, parameters: Readonly<Record<string, string>>) {
  const answer = await fetch(`${origin}/token`, { method: 'POST', body: new URLSearchParams(parameters) })
  return { status: answer.status, body: (await answer.json()) as TokenAnswer }
}
