// The sealing keys of a gateway: a start without the key that its database was first used with is refused in words, and costs nothing.
import { randomBytes } from 'node:crypto'
import { existsSync, writeFileSync } from 'node:fs'
import { afterAll, describe, expect, onTestFinished, test } from 'vitest'
import { tempFolder } from '../../fakes/tempFolder.ts'
import { closePostgres, startGatewayStage } from '../../servers/gatewayStage.ts'
import { whyNoPostgres } from '../../servers/postgres.ts'

const folder = tempFolder()
afterAll(closePostgres)

const newKey = () => randomBytes(32).toString('base64')

describe.each(['sqlite', 'postgres'] as const)('on %s', (engine) => {
  test.skipIf(engine === 'postgres' && whyNoPostgres() !== undefined)(
    'a ring without the first key is refused with its remedy, and with it every sign-in is there as before',
    async () => {
      const [first, second] = [newKey(), newKey()]
      const stage = await startGatewayStage({ engine, environment: { MCP_OAUTH_BRIDGE_KEY: first } })
      onTestFinished(() => stage.close())
      const tokens = await stage.signIn()
      const jwks = async () => (await fetch(`${stage.origin}/.well-known/jwks.json`)).text()
      const published = await jwks()
      const answered = async () => {
        const authorization = `Bearer ${tokens.access_token}`
        return (await fetch(stage.url, { method: 'POST', headers: { authorization }, body: '{}' })).status
      }
      const before = await answered()
      expect(before).not.toBe(401)
      await stage.first.kill('SIGTERM')

      for (const keys of [second, '']) {
        const refused = await stage.command(['serve'], { MCP_OAUTH_BRIDGE_KEY: keys })
        expect([refused.code, refused.stderr]).toEqual([5, expect.stringContaining('(key_missing, see ')])
        expect(refused.stderr).toMatch(/hint: .*MCP_OAUTH_BRIDGE_KEY/)
        for (const key of [first, second]) expect(refused.stderr).not.toContain(key)
      }
      const both = await stage.serve([], { MCP_OAUTH_BRIDGE_KEY: `${second},${first}` })
      expect([await answered(), await jwks()]).toEqual([before, published])
      await both.kill('SIGTERM')
      const alone = await stage.command(['serve'], { MCP_OAUTH_BRIDGE_KEY: second })
      expect([alone.code, alone.stderr]).toEqual([5, expect.stringContaining('(key_missing, see ')])
      await stage.serve()
      expect([await answered(), await jwks()]).toEqual([before, published])
    },
  )
})

test('doctor says nothing against a gateway on SQLite whose key a file gives, and runs no key_command', async () => {
  const path = folder.fresh('sealing.key')
  writeFileSync(path, newKey())
  const stage = await startGatewayStage({ environment: { MCP_OAUTH_BRIDGE_KEY_FILE: path } })
  onTestFinished(() => stage.close())
  await stage.signIn()
  const keychain = async (more: Readonly<Record<string, string>> = {}) => {
    const { code, stdout } = await stage.command(['doctor', '--json'], more)
    const { checks, causes } = JSON.parse(stdout)
    return { code, causes, ...checks.find(({ name }: { name: string }) => name === 'keychain') }
  }
  expect(await keychain()).toMatchObject({ code: 0, causes: [], status: 'pass' })
  const ran = folder.fresh('ran')
  const program = `require('fs').writeFileSync(${JSON.stringify(ran)}, '')`
  stage.configure({ serve: { access: 'everyone', key_command: [process.execPath, '-e', program] } })
  expect(await keychain({ MCP_OAUTH_BRIDGE_KEY_FILE: '' })).toMatchObject({ code: 0, causes: [], status: 'skip' })
  expect(existsSync(ran)).toBe(false)
})
