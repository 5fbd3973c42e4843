// Somebody deletes the bridge's folder, or its database, while a host runs: what waits there goes on with a new one, instead of waiting for nobody.
import { renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { startStage } from '../servers/stage.ts'
import { until } from '../servers/until.ts'

let stage: Awaited<ReturnType<typeof startStage>>
afterEach(() => stage?.close())

const WAYS: Record<string, (home: string) => void> = {
  'the folder is deleted': (home) => rmSync(home, { recursive: true }),
  'the folder is moved away': (home) => renameSync(home, `${home}-before`),
  'the database is deleted': (home) => {
    for (const end of ['', '-wal', '-shm']) rmSync(join(home, `oauth.db${end}`), { force: true })
  },
}
const WAYS_OF = Object.entries(WAYS)

const echo = (host: ReturnType<typeof stage.host>) =>
  host.request('tools/call', { name: 'echo', arguments: { message: 'hello' } })

test.skipIf(process.platform === 'win32').each(WAYS_OF)(
  'where %s while a sign-in waits, another tab opens, and its sign-in answers the call',
  async (_, remove) => {
    stage = await startStage()
    const host = stage.host([], { PERSON: 'absent' })
    const begun = host.initialize()
    await stage.untilTabs(1)
    const [first = 0] = stage.loginProcesses()
    remove(stage.environment.MCP_OAUTH_BRIDGE_HOME)
    await stage.untilTabs(2)
    await until('the next login process', () => stage.loginProcesses().some((pid) => pid !== first))
    const { code, stderr } = await stage.command(['login', stage.server.url, '--callback-url', stage.callbackUrl])
    expect(code, stderr).toBe(0)
    await begun
    expect((await echo(host)).result.content[0].text).toBe('Echo: hello')
    expect(await host.close()).toBe(0)
  },
)

test.skipIf(process.platform === 'win32').each(WAYS_OF)(
  'where %s and the refresh token is refused, the next call signs in',
  async (_, remove) => {
    stage = await startStage()
    const host = stage.host()
    await host.initialize()
    expect((await echo(host)).result.content[0].text).toBe('Echo: hello')
    await stage.authorization.revokeGrants()
    stage.server.rejectTokens()
    remove(stage.environment.MCP_OAUTH_BRIDGE_HOME)
    expect((await echo(host)).result.content[0].text).toBe('Echo: hello')
    expect(stage.tabs()).toHaveLength(2)
    expect(await host.close()).toBe(0)
  },
)
