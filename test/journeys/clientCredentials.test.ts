// A server without a person (RFC 6749 section 4.4): bridge, login and status work with the client's own credentials, and nothing asks anybody.
import { generateKeyPairSync } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { startProtectedStage } from '../servers/scriptedStage.ts'
import { startStage } from '../servers/stage.ts'
import { until } from '../servers/until.ts'

type Stage = Awaited<ReturnType<typeof startStage>>

let stage: Stage
afterEach(() => stage?.close())

const CLIENT = { client_id: 'robot', client_secret: 'canary-secret-of-the-robot' }

async function setUp(accessTokenSeconds = 3600) {
  const client = { ...CLIENT, grant_types: ['client_credentials'], redirect_uris: [], response_types: [] }
  stage = await startStage({
    accessTokenSeconds,
    features: { clientCredentials: { enabled: true } },
    settings: { clients: [client] },
  })
  const secret = join(stage.home, 'secret')
  writeFileSync(secret, `${CLIENT.client_secret}\n`)
  const issuer = ['--issuer', stage.authorization.issuer]
  return ['--client-credentials', '--client-id', CLIENT.client_id, '--client-secret-file', secret, ...issuer]
}

const status = async () => JSON.parse((await stage.command(['status', '--json'])).stdout).accounts

test('a bridge signs in by itself, without a browser, an attempt or a person', async () => {
  const robot = await setUp()
  const host = stage.host([...robot, '--login', 'never'])
  expect(await host.isMet()).toBe(true)
  expect((await host.request('tools/list')).result.tools.length).toBeGreaterThan(5)
  expect(stage.tabs()).toEqual([])
  expect(stage.loginProcesses()).toEqual([])
  expect(await status()).toMatchObject([
    { state: 'signed_in', refreshable: true, login_due_at: null, scope: 'mcp:tools' },
  ])
  await host.close()
})

test('three bridges that start together request one token', async () => {
  const robot = await setUp()
  const hosts = [1, 2, 3].map(() => stage.host(robot))
  for (const answer of await Promise.all(hosts.map((host) => host.initialize()))) expect(answer.result).toBeDefined()
  expect(stage.authorization.state.tokenRequests).toBe(1)
  await Promise.all(hosts.map((host) => host.close()))
})

test('an expired token is replaced, and so is a refused one', async () => {
  const robot = await setUp(2)
  const host = stage.host(robot)
  await host.initialize()
  // A token that was asked for in the background can be refused only once the server has seen it.
  await until('a third token', async () => {
    expect((await host.request('tools/list')).result).toBeDefined()
    return stage.server.state.accepted.size >= 3
  })
  const before = stage.server.state.accepted.size
  stage.server.rejectTokens()
  expect((await host.request('tools/list')).result).toBeDefined()
  expect(stage.authorization.state.tokenRequests).toBeGreaterThan(before)
  await host.close()
})

test('an authorization server that fails causes an error answer, and no browser opens', async () => {
  const robot = await setUp()
  stage.authorization.state.tokenFault = { status: 503 }
  const host = stage.host(robot)
  expect((await host.failure()).data.code).toBe('authorization_server_error')
  stage.authorization.state.tokenFault = undefined
  expect(await host.isMet()).toBe(true)
  expect(stage.tabs()).toEqual([])
  await host.close()
})

test('login, refresh and status work, from the config file too', async () => {
  await setUp()
  stage.config(
    `servers: { it: { url: "${stage.server.url}", provider: robot } }
providers: { robot: { client_id: robot, client_secret: "\${ROBOT}", client_credentials: true, issuer: "${stage.authorization.issuer}" } }
`,
  )
  const environment = { ROBOT: CLIENT.client_secret }
  const { code, stderr } = await stage.command(['login', 'it'], environment)
  expect(code).toBe(0)
  expect(stderr).toContain('with client credentials')
  expect((await stage.command(['login', 'it'], environment)).stderr).toContain('Already signed in')
  expect((await stage.command(['refresh', 'it'], environment)).code).toBe(0)
  expect((await stage.command(['login', 'it', '--force'], environment)).code).toBe(0)
  expect(stage.authorization.state.tokenRequests).toBe(3)
  expect((await stage.command(['logout', 'it'], environment)).code).toBe(0)
})

test('a server that gives the token that still lives: login --force succeeds, and a bridge that is refused once goes on', async () => {
  const scripted = await startProtectedStage()
  const { issuer, state } = scripted
  issuer.routes['/token'] = () => ({ json: { access_token: 'lives', token_type: 'Bearer', expires_in: 3600 } })
  const secret = join(scripted.home, 'secret')
  writeFileSync(secret, CLIENT.client_secret, { mode: 0o600 })
  const client = ['--client-id', CLIENT.client_id, '--client-secret-file', secret, '--issuer', issuer.origin]
  const robot = ['--client-credentials', ...client]
  const login = (...args: string[]) =>
    scripted.plainCommand('login', `${scripted.server.origin}/mcp`, ...robot, ...args)
  try {
    expect((await login()).code).toBe(0)
    expect(await login('--force')).toMatchObject({
      code: 0,
      stderr: expect.stringContaining('with client credentials'),
    })
    const host = scripted.host(...robot)
    expect(await host.isMet()).toBe(true)
    const refusals = [false]
    state.accepts = () => refusals.pop() ?? true
    expect((await host.request('tools/call', { name: 'x', arguments: {} })).result).toBeDefined()
    expect(refusals).toEqual([])
    state.accepts = () => false
    const { error } = await host.request('tools/call', { name: 'x', arguments: {} })
    expect(error.data.code).toBe('unauthorized')
    await host.close()
  } finally {
    await scripted.close()
  }
})

test('without a client that can authenticate, the error is client_required and nobody is asked', async () => {
  stage = await startStage()
  const { code, stderr } = await stage.command(['login', stage.server.url, '--client-credentials', '--client-id', 'x'])
  expect(code).toBe(3)
  expect(stderr).toContain('client_required')
  expect(stage.tabs()).toEqual([])
})

test('with a key it authenticates by private_key_jwt', async () => {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const jwk = { ...publicKey.export({ format: 'jwk' }), kid: 'robot', use: 'sig', alg: 'ES256' }
  const client = {
    ...{ client_id: CLIENT.client_id, grant_types: ['client_credentials'], redirect_uris: [], response_types: [] },
    ...{
      token_endpoint_auth_method: 'private_key_jwt',
      token_endpoint_auth_signing_alg: 'ES256',
      jwks: { keys: [jwk] },
    },
  }
  stage = await startStage({ features: { clientCredentials: { enabled: true } }, settings: { clients: [client] } })
  const key = join(stage.home, 'robot.pem')
  writeFileSync(key, privateKey.export({ format: 'pem', type: 'pkcs8' }))
  const robot = ['--client-id', CLIENT.client_id, '--client-key-file', key, '--issuer', stage.authorization.issuer]
  const host = stage.host(['--client-credentials', ...robot])
  expect(await host.isMet()).toBe(true)
  stage.server.rejectTokens()
  expect((await host.request('tools/list')).result.tools.length).toBeGreaterThan(5)
  expect(stage.authorization.state.tokenRequests).toBe(2)
  expect(stage.tabs()).toEqual([])
  await host.close()
})

test('a wrong secret is invalid_client', async () => {
  const robot = await setUp()
  writeFileSync(join(stage.home, 'secret'), 'wrong')
  const { code, stderr } = await stage.command(['login', stage.server.url, ...robot])
  expect(code).toBe(3)
  expect(stderr).toContain('invalid_client')
  expect(stderr).not.toContain('wrong"')
})
