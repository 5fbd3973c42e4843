// MCP_OAUTH_BRIDGE_HOME where no folder can be: each command says so at once, and a host is told.
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { makeHome } from '../servers/home.ts'
import { startHost } from '../servers/host.ts'
import { startMcpServer } from '../servers/mcpServer.ts'

let home: ReturnType<typeof makeHome>
let server: Awaited<ReturnType<typeof startMcpServer>>
beforeEach(async () => {
  home = makeHome()
  server = await startMcpServer({
    '*': ({ reply }) => reply(401, '', { 'www-authenticate': 'Bearer' }),
    initialize: ({ reply }) => reply(401, '', { 'www-authenticate': 'Bearer' }),
  })
})
afterEach(async () => {
  await server.close()
  home.remove()
})

const PLACES: Record<string, (base: string) => string> = {
  'a file': (base) => {
    writeFileSync(join(base, 'file'), '')
    return join(base, 'file')
  },
  'below a file': (base) => {
    writeFileSync(join(base, 'file'), '')
    return join(base, 'file', 'deep', 'er')
  },
  'a circle of links': (base) => {
    mkdirSync(join(base, 'links'))
    symlinkSync(join(base, 'links', 'b'), join(base, 'links', 'a'))
    symlinkSync(join(base, 'links', 'a'), join(base, 'links', 'b'))
    return join(base, 'links', 'a', 'home')
  },
  'a name that is too long': (base) => join(base, 'x'.repeat(300)),
  ...(process.platform === 'linux'
    ? {
        '/proc/nowhere': () => '/proc/nowhere',
        'below /proc/nowhere': () => '/proc/nowhere/deep',
        '/dev/null': () => '/dev/null',
      }
    : {}),
}

describe.each(Object.keys(PLACES))('%s as the home', (name) => {
  const environment = () => ({
    ...home.environment,
    MCP_OAUTH_BRIDGE_HOME: (PLACES[name] as (base: string) => string)(home.path),
  })

  test.each([['status'], ['login', '--no-browser'], ['refresh'], ['logout'], ['doctor']])(
    'is an error of %s at once, with what to do',
    async (command, ...more) => {
      const target = command === 'status' ? [] : [server.url]
      const { code, stdout, stderr } = await home.command([command, ...target, ...more], environment())
      expect(code).toBe(5)
      expect(stdout + stderr).toMatch(/The folder \S+ cannot be (created|used): /)
      expect(stdout + stderr).toContain('Set MCP_OAUTH_BRIDGE_HOME')
      expect(stdout + stderr).toContain('database_unreachable')
    },
  )

  test('is told to a host', async () => {
    const host = startHost([server.url, '--config', home.write('config.yaml', '')], environment())
    await host.initialize()
    const { error } = await host.request('tools/call', { name: 'x' })
    expect(error.data.code).toBe('database_unreachable')
    expect(error.data.hint).toContain('Set MCP_OAUTH_BRIDGE_HOME')
    expect(await host.close()).toBe(0)
    expect(host.rubbish).toEqual([])
  })
})
