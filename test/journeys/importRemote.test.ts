// import mcp-remote on real files: what it writes into config.yaml, what it says, and what it leaves as it is.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { makeHome } from '../servers/home.ts'
import { PROGRAM } from '../servers/host.ts'

let home: ReturnType<typeof makeHome>
afterEach(() => home?.remove())

const URL = 'https://mcp.example.com/mcp'
const DESKTOP = '.config/Claude/claude_desktop_config.json'
const read = (name: string) => readFileSync(join(home.path, name), 'utf8')
const servers = () => JSON.parse(read(DESKTOP)).mcpServers

describe('import mcp-remote', () => {
  const remote = (...args: string[]) => ({ command: 'npx', args: ['-y', 'mcp-remote', ...args] })

  test('takes servers over from every host, secrets as variables, and tells what to do', async () => {
    home = makeHome()
    const token = ['--header', 'Authorization: Bearer canary-1', '--header', 'X-Team: core']
    home.write(DESKTOP, JSON.stringify({ mcpServers: { one: remote(URL, ...token), other: { command: 'x' } } }))
    const project = {
      '/p': { mcpServers: { two: remote(`${URL}/2`, '--transport', 'sse-only', '--protocol', 'legacy') } },
    }
    home.write('.claude.json', JSON.stringify({ projects: project, mcpServers: { one: remote(`${URL}/3`) } }))
    home.write('.cursor/mcp.json', '{ broken')
    home.write('.mcp-auth/mcp-remote-v1/6e0d0dd4e4ee9ee9f8d2c4d8a5f2ec01_tokens.json', 'canary-2')
    const shown = await home.command(['import', 'mcp-remote', '--dry-run'])
    expect(shown.stdout).toContain('+   one:')
    expect(existsSync(join(home.path, 'bridge/config.yaml'))).toBe(false)

    const { code, stderr } = await home.command(['import', 'mcp-remote'])
    expect(code).toBe(0)
    expect(read('bridge/config.yaml')).toBe(
      `servers:
  one:
    url: ${URL}
    headers:
      Authorization: \${MCP_OAUTH_BRIDGE_VALUE_ONE_AUTHORIZATION}
      X-Team: core
  one-2:
    url: ${URL}/3
  two:
    url: ${URL}/2
    transport: sse
    protocol: 2025
`,
    )
    expect(stderr).toMatch(/first set these, to the values in the file of .+: MCP_OAUTH_BRIDGE_VALUE_ONE_AUTHORIZATION/)
    expect(stderr).not.toContain('not imported')
    expect(stderr).toContain('note: skipped: ')
    expect(`${stderr}${shown.stdout}`).not.toContain('canary')
    const set = { MCP_OAUTH_BRIDGE_VALUE_ONE_AUTHORIZATION: 'Bearer x' }
    expect((await home.command(['check-config'], set)).stdout).toContain('✓ Provider')
    expect((await home.command(['import', 'mcp-remote'])).stderr).toContain('already has all of these servers')
  })

  test('leaves a config as it is whose mcp_server_url is the server, also with an only provider', async () => {
    home = makeHome()
    home.write('.cursor/mcp.json', JSON.stringify({ mcpServers: { wiki: remote(URL) } }))
    const text = `mcp_server_url: ${URL}\nproviders: { mine: { client_id: c } }\n`
    home.write('bridge/config.yaml', text)
    const { code, stderr } = await home.command(['import', 'mcp-remote'])
    expect([code, stderr]).toEqual([0, expect.stringContaining('already has all of these servers')])
    expect(read('bridge/config.yaml')).toBe(text)
  })

  test('keeps the comments of a config that is there, and install then replaces the entry of mcp-remote', async () => {
    home = makeHome()
    home.write(DESKTOP, JSON.stringify({ mcpServers: { one: remote(URL) } }))
    home.write('bridge/config.yaml', `# mine\nservers:\n  old: { url: "${URL}/old" } # keep\nlog_level: warn\n`)
    expect((await home.command(['import', 'mcp-remote'])).code).toBe(0)
    expect(read('bridge/config.yaml')).toBe(
      `# mine\nservers:\n  old: { url: "${URL}/old" } # keep\n  one:\n    url: ${URL}\nlog_level: warn\n`,
    )
    expect(read('bridge/config.yaml.before-mcp-oauth-bridge')).toContain('# mine')
    expect((await home.command(['install', 'claude-desktop', 'one'])).code).toBe(0)
    expect(servers().one.args).toEqual([PROGRAM, 'one'])
  })

  test.each(['https://MCP.example.com', 'https://mcp.example.com:443/#top'])(
    'install replaces the entry of mcp-remote, however its URL is written: %s',
    async (url) => {
      home = makeHome()
      home.write(DESKTOP, JSON.stringify({ mcpServers: { one: remote(url) } }))
      expect((await home.command(['import', 'mcp-remote'])).code).toBe(0)
      expect((await home.command(['install', 'claude-desktop', 'one'])).stderr).toContain('Replaced "one"')
      expect(Object.keys(servers())).toEqual(['one'])
    },
  )

  test('a variable that is set already, for whatever, is never taken for a secret of the entry', async () => {
    home = makeHome()
    const secret = ['--header', 'Api-Key: canary-1']
    const taken = { OPENAI_API_KEY: 'mine', MCP_OAUTH_BRIDGE_VALUE_OPENAI_API_KEY: 'mine-too' }
    home.write(DESKTOP, JSON.stringify({ mcpServers: { openai: remote(URL, ...secret) } }))
    home.write('.cursor/mcp.json', JSON.stringify({ mcpServers: { openai: remote(`${URL}/2`, ...secret) } }))
    home.write('bridge/config.yaml', `log_file: "\${MCP_OAUTH_BRIDGE_VALUE_OPENAI_API_KEY_2}"\n`)
    expect((await home.command(['import', 'mcp-remote'], taken)).code).toBe(0)
    const names = [...read('bridge/config.yaml').matchAll(/Api-Key: \$\{(\w+)\}/g)].map(([, name]) => name)
    expect(names).toEqual(['_3', '_4'].map((end) => `MCP_OAUTH_BRIDGE_VALUE_OPENAI_API_KEY${end}`))
    expect(read('bridge/config.yaml')).not.toContain('canary')
  })

  test('servers that are there keep their client, and commands say so where they need a server now', async () => {
    home = makeHome()
    const client = ['--static-oauth-client-info', '{"client_id":"its-own"}']
    home.write(DESKTOP, JSON.stringify({ mcpServers: { one: remote(URL, ...client), plain: remote(`${URL}/2`) } }))
    const before = `servers:\n  old:\n    url: ${URL}/old\nproviders:\n  mine:\n    client_id: mine\n`
    home.write('bridge/config.yaml', before)
    const { code, stderr } = await home.command(['import', 'mcp-remote'])
    expect([code, stderr], stderr).toEqual([0, expect.stringContaining('note: "old" is no longer the only server')])
    expect(read('bridge/config.yaml')).toContain(`  old:\n    url: ${URL}/old\n    provider: mine\n`)
    expect(read('bridge/config.yaml')).toMatch(/ {2}plain:\n {4}url: \S+\n/)
    expect(read('bridge/config.yaml')).not.toMatch(/ {2}plain:\n {4}url: \S+\n {4}provider/)
  })

  test.each([
    ['a server that would lose its provider', `mcp_server_url: ${URL}/old\nproviders: { mine: { client_id: c } }\n`],
    ['a list', 'servers: [a]\n'],
  ])('a file with %s is left as it is', async (_, before) => {
    home = makeHome()
    home.write(DESKTOP, JSON.stringify({ mcpServers: { one: remote(URL) } }))
    home.write('bridge/config.yaml', before)
    const { code, stderr } = await home.command(['import', 'mcp-remote'])
    expect([code, stderr]).toEqual([2, expect.stringContaining('config_invalid')])
    expect(read('bridge/config.yaml')).toBe(before)
  })

  test('it writes to the person’s own file, not to one of the working folder', async () => {
    home = makeHome()
    home.write(DESKTOP, JSON.stringify({ mcpServers: { one: remote(URL) } }))
    home.write('config.yaml', '# theirs\n')
    expect((await home.command(['import', 'mcp-remote'])).code).toBe(0)
    expect(read('config.yaml')).toBe('# theirs\n')
    expect(read('bridge/config.yaml')).toContain(URL)
  })

  test('says so where there is nothing to take over', async () => {
    home = makeHome()
    expect((await home.command(['import', 'mcp-remote'])).stderr).toBe('No host uses mcp-remote.\n')
  })
})
