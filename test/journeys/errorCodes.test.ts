// Error codes that no other journey meets: each as a person or host gets it, with its exit code and a way on.
import { generateKeyPairSync } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import BetterSqlite3 from 'better-sqlite3'
import { afterEach, expect, onTestFinished, test } from 'vitest'
import { startCrookedServer } from '../servers/crookedServer.js'
import { startScriptedStage } from '../servers/scriptedStage.js'
import { startStage } from '../servers/stage.js'

let stage: Awaited<ReturnType<typeof startStage>>
afterEach(() => stage?.close())

test.each<[what: string, words: string[], code: string]>([
  ['a word that is no command, URL or server', ['nosuch'], 'usage'],
  ['a server without TLS beyond this machine', ['login', 'http://mcp.example.com/mcp'], 'insecure_url'],
])('%s ends with exit code 2 (%j, %s)', async (_, words, code) => {
  stage = await startStage()
  const ended = await stage.command(words)
  expect(ended).toMatchObject({ code: 2, stdout: '' })
  expect(ended.stderr).toMatch(/^error: .+\nhint: .+\n/)
  expect(ended.stderr).toContain(`(${code}, see docs/errors.md#${code})`)
})

test('a 403 without a question is forbidden, with the server’s words, and nobody is asked to sign in', async () => {
  const scripted = await startScriptedStage({ 'tools/call': ({ reply }) => reply(403, 'not for you') })
  onTestFinished(() => scripted.close())
  const host = scripted.host()
  await host.initialize()
  const { error } = await host.request('tools/call', { name: 'x' })
  expect(error.data).toMatchObject({ code: 'forbidden' })
  expect(error.message).toContain('not for you')
  expect(await host.close()).toBe(0)
})

test('an authorization server that takes no signature that the client’s key makes is client_auth_unsupported', async () => {
  stage = await startStage()
  const server = await startCrookedServer({
    metadata: {
      token_endpoint_auth_methods_supported: ['private_key_jwt'],
      token_endpoint_auth_signing_alg_values_supported: ['RS256'],
    },
  })
  onTestFinished(() => server.close())
  const key = join(stage.home, 'key.pem')
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  writeFileSync(key, privateKey.export({ format: 'pem', type: 'pkcs8' }))
  const words = ['login', server.url, '--callback-url', stage.callbackUrl, '--client-id', 'mine']
  const ended = await stage.command([...words, '--client-key-file', key])
  expect(ended.code).toBe(3)
  expect(ended.stderr).toContain('client_auth_unsupported')
  expect(ended.stderr).toContain('RS256')
  expect(server.state.tokenRequests).toBe(0)
})

test('a keychain that is asked for and is not there is keychain_unavailable, and nothing is signed in', async () => {
  stage = await startStage()
  stage.config('secret_store: keychain\n')
  const ended = await stage.command(['login', stage.server.url, '--callback-url', stage.callbackUrl])
  expect(ended.code).toBe(5)
  expect(ended.stderr).toContain('keychain_unavailable')
  expect(ended.stderr).toContain('secret_store: file')
})

test('a token that was altered on the disk is seal_broken for doctor, is never sent, and a login mends it', async () => {
  stage = await startStage()
  const words = ['login', stage.server.url, '--callback-url', stage.callbackUrl]
  expect((await stage.command(words)).code).toBe(0)
  const database = new BetterSqlite3(join(stage.environment.MCP_OAUTH_BRIDGE_HOME, 'oauth.db'))
  const { sealed } = database.prepare('SELECT access_token AS sealed FROM tokens').get() as { sealed: Buffer }
  const altered = Buffer.from(sealed)
  altered.writeUInt8(altered.readUInt8(altered.length - 1) ^ 1, altered.length - 1)
  database.prepare('UPDATE tokens SET access_token = ?').run(altered)
  database.close()
  const { code, report } = await stage.doctor()
  expect(code).toBe(5)
  expect(report.likely_cause).toMatchObject({ name: 'token', code: 'seal_broken' })
  expect((await stage.command(words)).code).toBe(0)
  expect((await stage.doctor()).found('token').status).toBe('pass')
})
