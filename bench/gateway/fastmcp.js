// The peer from npm: installed into a folder of its own, started beside a provider, with a client that signs a person in.
import { execFileSync } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort, openBrowsing, startAuthorizationServer } from '../kit.js'

/** @typedef {import('./contenders.js').StartNode} StartNode */
/** @typedef {import('./load.js').Sitting} Sitting */

const PACKAGE = 'fastmcp@4'
const REDIRECT_URI = 'http://127.0.0.1:33418/callback'

/** Installs it without the scripts of its packages. @param {string} folder */
export function installFastmcp(folder) {
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'package.json'), '{"private":true}')
  const words = ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error', PACKAGE]
  execFileSync('npm', words, {
    cwd: folder,
    stdio: ['ignore', 'ignore', 'inherit'],
    shell: process.platform === 'win32',
  })
}

/** @param {StartNode} startNode @param {string} folder where it is installed */
export async function startFastmcp(startNode, folder) {
  const provider = await startAuthorizationServer({ person: 'approve' })
  const port = await freePort()
  const origin = `http://127.0.0.1:${port}`
  const registered = await posted(`${provider.issuer}/reg`, {
    redirect_uris: [`${origin}/oauth/callback`],
    grant_types: ['authorization_code', 'refresh_token'],
    token_endpoint_auth_method: 'client_secret_basic',
  })
  const client = { CLIENT_ID: registered.client_id, CLIENT_SECRET: registered.client_secret }
  const start = (/** @type {number} */ at) =>
    startNode('./fastmcpServer.js', { FOLDER: folder, PORT: String(at), ISSUER: provider.issuer, ...client })
  const { url, pid } = await start(port)
  const known = await posted(`${origin}/oauth/register`, {
    client_name: 'Benchmark',
    redirect_uris: [REDIRECT_URI],
    grant_types: ['authorization_code', 'refresh_token'],
    token_endpoint_auth_method: 'client_secret_post',
  })
  const signIn = () => signInAt(origin, known)
  const { bearer } = await signIn()
  return {
    ...{ name: 'fastmcp', url, pid, bearer, tools: /** @type {const} */ (['json']) },
    grants: { tokenUrl: `${origin}/oauth/token`, signIn },
    start: async () => await start(await freePort()),
    close: () => provider.close(),
  }
}

/** @param {string} origin @param {Record<string, string>} client */
async function signInAt(origin, { client_id = '', client_secret = '' }) {
  const verifier = randomBytes(48).toString('base64url')
  const query = new URLSearchParams({
    ...{ response_type: 'code', client_id, redirect_uri: REDIRECT_URI, state: 'state', scope: 'openid email profile' },
    ...{ code_challenge: createHash('sha256').update(verifier).digest('base64url'), code_challenge_method: 'S256' },
  })
  const { url, text } = await openBrowsing().follow(`${origin}/oauth/authorize?${query}`, REDIRECT_URI, 'approve')
  const code = url.searchParams.get('code')
  if (!url.href.startsWith(REDIRECT_URI) || code === null) throw new Error(`fastmcp: no code, but ${url} ${text}`)
  const form = { grant_type: 'authorization_code', code, redirect_uri: REDIRECT_URI, code_verifier: verifier }
  const body = new URLSearchParams({ ...form, client_id, client_secret })
  const answer = await fetch(`${origin}/oauth/token`, { method: 'POST', body })
  const { access_token: bearer = '', refresh_token: refreshToken = '' } = await textsOf(answer)
  return { bearer, clientId: client_id, clientSecret: client_secret, refreshToken }
}

/** @param {string} url @param {Record<string, unknown>} body */
async function posted(url, body) {
  const headers = { 'content-type': 'application/json' }
  return await textsOf(await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) }))
}

/** @param {Response} answer */
const textsOf = async (answer) => /** @type {Record<string, string>} */ (await answer.json())
