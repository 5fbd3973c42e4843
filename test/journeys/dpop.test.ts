// Tokens bound to a key (RFC 9449): the key is made at sign-in, sealed in the store, and proves every request and refresh.
import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { startStage } from '../servers/stage.ts'

let stage: Awaited<ReturnType<typeof startStage>>
afterEach(() => stage?.close())

const dPoP = { enabled: true, nonceSecret: randomBytes(32), requireNonce: () => true }
const bound = () => startStage({ dpop: 'required', features: { dPoP } })

test('a server that requires DPoP gets a fresh proof with each request, with its own nonce and the token’s hash', async () => {
  stage = await bound()
  const host = stage.host()
  expect(await host.isMet(), stage.server.state.reasons.join()).toBe(true)
  for (const message of ['one', 'two'])
    expect((await host.request('tools/call', { name: 'echo', arguments: { message } })).result.content[0].text).toBe(
      `Echo: ${message}`,
    )
  const proofs = stage.server.state.passed.map(({ headers }) => headers.dpop)
  expect(proofs.length).toBeGreaterThan(3)
  expect(new Set(proofs).size).toBe(proofs.length)
  expect(stage.server.state.passed.every(({ headers }) => headers.authorization?.startsWith('DPoP '))).toBe(true)
  expect(await host.close()).toBe(0)
})

test('a bound token is refreshed with the same key, and a refused one leads to one refresh', async () => {
  stage = await bound()
  const host = stage.host()
  await host.initialize()
  stage.server.rejectTokens()
  expect((await host.request('tools/list')).result.tools.length).toBeGreaterThan(5)
  expect(stage.authorization.counts.refreshGrants).toBe(1)
  expect(stage.tabs()).toHaveLength(1)
  await host.close()
  const again = stage.host()
  expect(await again.isMet()).toBe(true)
  expect(stage.tabs()).toHaveLength(1)
  await again.close()
})

test('the private key is in no row, log or file in plain text', async () => {
  stage = await bound()
  const host = stage.host(['--debug'])
  await host.initialize()
  await host.close()
  const database = JSON.parse((await stage.command(['status', '--json'])).stdout).database
  const row = execFileSync('sqlite3', [database, 'SELECT dpop_key FROM tokens'], { encoding: 'utf8' })
  expect(row).toMatch(/^v1\./)
  const folder = join(stage.home, 'bridge')
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  expect(files.map(({ name }) => name)).toEqual(expect.arrayContaining(['oauth.db', 'proxy.log']))
  for (const { parentPath, name } of files)
    expect(readFileSync(join(parentPath, name), 'latin1'), name).not.toMatch(/"d":"[\w-]{43}"/)
})

test('if only the authorization server supports DPoP, the bearer stays a bearer', async () => {
  stage = await startStage({ features: { dPoP } })
  const host = stage.host()
  expect(await host.isMet()).toBe(true)
  expect(stage.server.state.passed[0]?.headers.authorization).toMatch(/^Bearer /)
  expect(stage.server.state.passed[0]?.headers).not.toHaveProperty('dpop')
  await host.close()
})
