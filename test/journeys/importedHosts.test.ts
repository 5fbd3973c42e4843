// Twelve host files as people have them: imported from mcp-remote, installed, and each written entry started as its host starts it.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'jsonc-parser'
import { afterEach, expect, test } from 'vitest'
import { makeHome } from '../servers/home.ts'
import { spawnHost } from '../servers/host.ts'
import { startMcpServer } from '../servers/mcpServer.ts'

const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

interface Case {
  readonly what: string
  readonly host: string
  readonly file: string
  readonly key: 'mcpServers' | 'servers'
  /** The file's text; `URL` stands for the server. */
  readonly text: string
  /** The server's name in the file. */
  readonly name: string
  /** Headers that the server has to see. */
  readonly headers?: Readonly<Record<string, string>>
  /** What is said about what is not carried over. */
  readonly says?: RegExp
}

const DESKTOP = {
  host: 'claude-desktop',
  file: '.config/Claude/claude_desktop_config.json',
  key: 'mcpServers',
} as const
const CODE = { host: 'claude-code', file: '.claude.json', key: 'mcpServers' } as const
const CURSOR = { host: 'cursor', file: '.cursor/mcp.json', key: 'mcpServers' } as const
const VSCODE = { host: 'vscode', file: '.config/Code/User/mcp.json', key: 'servers' } as const
const WINDSURF = { host: 'windsurf', file: '.codeium/windsurf/mcp_config.json', key: 'mcpServers' } as const

const entry = (args: readonly string[], more: object = {}) => JSON.stringify({ command: 'npx', args, ...more })
const HEADER = 'Authorization: Bearer $' + '{AUTH}'

const CASES: readonly Case[] = [
  {
    ...DESKTOP,
    what: 'the README of many servers',
    name: 'linear',
    text: `{"mcpServers":{"linear":${entry(['-y', 'mcp-remote', 'URL'])}}}`,
  },
  {
    ...DESKTOP,
    what: 'a key in env, spaces avoided as mcp-remote advises',
    name: 'api',
    text: `{"mcpServers":{"api":${entry(['mcp-remote@latest', 'URL', '--header', HEADER], { env: { AUTH: 'canary-1' } })}}}`,
    headers: { authorization: 'Bearer canary-1' },
  },
  {
    ...DESKTOP,
    what: 'Windows forms, CRLF and a byte order mark',
    name: 'win',
    text: `\ufeff{\r\n  "mcpServers": {\r\n    "win": {\r\n      "command": "cmd",\r\n      "args": ["/c", "npx", "-y", "mcp-remote", "URL", "--header", "X-Api-Key:canary-2"]\r\n    }\r\n  }\r\n}\r\n`,
    headers: { 'x-api-key': 'canary-2' },
  },
  {
    ...DESKTOP,
    what: 'comments and a comma too many',
    name: 'notes',
    text: `{\n  // work\n  "mcpServers": {\n    "notes": ${entry(['mcp-remote', 'URL', '--transport', 'http-only', '--debug'])}, /* last */\n  },\n}\n`,
  },
  {
    ...CODE,
    what: 'servers of the person, among much else',
    name: 'mine',
    text: `{"numStartups":7,"mcpServers":{"mine":${entry(['-y', 'mcp-remote', 'URL', '--header', 'X-Team:core team'], { type: 'stdio' })}},"projects":{}}`,
    headers: { 'x-team': 'core team' },
  },
  {
    ...CODE,
    what: 'a server of one project',
    name: 'project',
    text: `{"projects":{"/work":{"mcpServers":{"project":${entry(['mcp-remote', 'URL'])}}}}}`,
  },
  {
    ...CURSOR,
    what: 'a shell that sets variables',
    name: 'shell',
    text: JSON.stringify({
      mcpServers: {
        shell: { command: 'bash', args: ['-lc', `X_TEAM='a b' npx -y mcp-remote URL --header "X-Team: $X_TEAM"`] },
      },
    }),
    headers: { 'x-team': 'a b' },
  },
  {
    ...CURSOR,
    what: 'tools that are hidden, and a time for the sign-in',
    name: 'careful',
    text: `{"mcpServers":{"careful":${entry(['mcp-remote', 'URL', '--ignore-tool', 'delete*', '--auth-timeout', '60'])}}}`,
    says: /careful: --auth-timeout 60: .*session_timeout/,
  },
  {
    ...CURSOR,
    what: 'OAuth settings',
    name: 'oauth',
    text: `{"mcpServers":{"oauth":${entry([
      ...['mcp-remote', 'URL', '3334', '--static-oauth-client-info', '{"client_id":"c","client_secret":"canary-3"}'],
      ...['--static-oauth-client-metadata', '{"scope":"read write"}', '--resource', 'https://r.example/'],
    ])}}}`,
  },
  {
    ...VSCODE,
    what: 'tabs, and an input of VS Code',
    name: 'code',
    text: `{\n\t"inputs": [],\n\t"servers": {\n\t\t"code": ${entry(['mcp-remote', 'URL', '--header', 'X-Key:$' + '{KEY}'], { type: 'stdio', env: { KEY: 'canary-4' } })}\n\t}\n}\n`,
    headers: { 'x-key': 'canary-4' },
  },
  {
    ...WINDSURF,
    what: 'a runner other than npx, beside servers of others',
    name: 'pnpm',
    text: `{"mcpServers":{"other":{"command":"x"},"pnpm":{"command":"pnpm","args":["dlx","mcp-remote","URL"],"disabled":false}}}`,
  },
  {
    ...WINDSURF,
    what: 'headers in a file',
    name: 'file',
    text: `{"mcpServers":{"file":${entry(['mcp-remote', 'URL', '--header-file', 'HOME/headers.txt'])}}}`,
    headers: { 'x-from-file': 'canary-5' },
  },
]

test.each(CASES)('$host: $what', async ({ host, file, key, text, name, headers = {}, says }) => {
  const home = makeHome()
  closing.push(home.remove)
  const server = await startMcpServer({ 'tools/list': ({ result }) => result({ tools: [] }) })
  closing.push(server.close)
  home.write('headers.txt', 'X-From-File: canary-5\n')
  home.write(file, text.replaceAll('URL', server.url).replaceAll('HOME', home.path))
  const before = readFileSync(join(home.path, file))

  const dry = await home.command(['import', 'mcp-remote', '--dry-run'])
  expect(dry.code, dry.stderr).toBe(0)
  const imported = await home.command(['import', 'mcp-remote'])
  expect(imported.code, imported.stderr).toBe(0)
  for (const one of [dry, imported]) {
    expect(one.stdout + one.stderr).not.toContain('canary')
    if (says) expect(one.stderr.replaceAll(`${name}  (`, '').replaceAll(/^ {2}/gm, `${name}: `)).toMatch(says)
  }
  expect(readFileSync(join(home.path, 'bridge/config.yaml'), 'utf8')).not.toContain('canary')
  expect(readFileSync(join(home.path, file)).equals(before)).toBe(true)
  expect((await home.command(['import', 'mcp-remote'])).stderr).toContain('already has all of these servers')

  const installed = await home.command(['install', host, name, '--yes'])
  expect(installed.code, installed.stderr).toBe(0)
  expect(installed.stderr).not.toContain('canary')
  const read = parse(readFileSync(join(home.path, file), 'utf8').replace(/^\ufeff/, ''), [], {
    allowTrailingComma: true,
  })
  const { command, args, env } = read[key][name]
  const started = spawnHost(command, args, { PATH: process.env.PATH, HOME: home.path, ...env })
  closing.push(() => started.close())
  await started.initialize()
  await started.request('tools/list')
  const seen = await server.until(({ message }) => message?.method === 'tools/list')
  expect(seen.headers).toMatchObject(headers)
})

test('two servers of one host, each with a secret of its own: each entry starts without the variables of the other', async () => {
  const home = makeHome()
  closing.push(home.remove)
  const names = ['one', 'two']
  const servers = await Promise.all(
    names.map(() => startMcpServer({ 'tools/list': ({ result }) => result({ tools: [] }) })),
  )
  for (const server of servers) closing.push(server.close)
  const entries = names.map((name, at) => [
    name,
    { command: 'npx', args: ['mcp-remote', servers[at]?.url, '--header', `X-Api-Key:canary-${name}`] },
  ])
  home.write('.cursor/mcp.json', JSON.stringify({ mcpServers: Object.fromEntries(entries) }))
  expect((await home.command(['import', 'mcp-remote'])).code).toBe(0)
  for (const name of names) {
    expect((await home.command(['install', 'cursor', name, '--yes'])).code).toBe(0)
    // The value stands in our own entry now.
    expect((await home.command(['install', 'cursor', name, '--yes'])).stderr).toContain('Nothing was changed')
  }
  expect((await home.command(['status'])).code).toBe(0)
  const { mcpServers } = JSON.parse(readFileSync(join(home.path, '.cursor/mcp.json'), 'utf8'))
  for (const [at, name] of names.entries()) {
    const { command, args, env } = mcpServers[name]
    const started = spawnHost(command, args, { PATH: process.env.PATH, HOME: home.path, ...env })
    closing.push(() => started.close())
    await started.initialize()
    await started.request('tools/list')
    const seen = await servers[at]?.until(({ message }) => message?.method === 'tools/list')
    expect(seen?.headers['x-api-key']).toBe(`canary-${name}`)
  }
})

test('the same names and the same servers in several hosts: each host starts its own server with its own secret', async () => {
  const home = makeHome()
  closing.push(home.remove)
  const servers = await Promise.all(
    ['one', 'two'].map(() => startMcpServer({ 'tools/list': ({ result }) => result({ tools: [] }) })),
  )
  for (const server of servers) closing.push(server.close)
  const [one, two] = servers
  const remote = (url: string | undefined, key: string, more: object = {}) => ({
    command: 'npx',
    args: ['mcp-remote', url, '--header', `X-Api-Key:${key}`],
    ...more,
  })
  const hosts = {
    '.cursor/mcp.json': { login: remote(one?.url, 'canary-1'), api: remote(two?.url, 'canary-2') },
    '.config/Claude/claude_desktop_config.json': {
      'the same': remote(one?.url, 'canary-1'),
      api: remote(two?.url, `\${KEY}`, { env: { KEY: 'canary-3' } }),
    },
  }
  for (const [file, mcpServers] of Object.entries(hosts)) home.write(file, JSON.stringify({ mcpServers }))
  expect((await home.command(['import', 'mcp-remote'])).code).toBe(0)
  // Claude Desktop is read first, and the server that it shares has the name that it has there.
  const wanted = [
    ['cursor', 'the same', '.cursor/mcp.json', 'login', 'canary-1'],
    ['cursor', 'api-2', '.cursor/mcp.json', 'api', 'canary-2'],
    ['claude-desktop', 'the same', '.config/Claude/claude_desktop_config.json', 'the same', 'canary-1'],
    ['claude-desktop', 'api', '.config/Claude/claude_desktop_config.json', 'api', 'canary-3'],
  ] as const
  for (const [host, name, file, entry, secret] of wanted) {
    const installed = await home.command(['install', host, name, '--yes'])
    expect(installed.code, installed.stderr).toBe(0)
    expect(installed.stderr).toContain(`Replaced "${entry}"`)
    expect(installed.stderr).not.toContain('canary')
    const { command, args, env } = JSON.parse(readFileSync(join(home.path, file), 'utf8')).mcpServers[entry]
    expect(Object.values(env)).toContain(secret)
    const started = spawnHost(command, args, { PATH: process.env.PATH, HOME: home.path, ...env })
    closing.push(() => started.close())
    await started.initialize()
    const server = secret === 'canary-1' ? one : two
    await server?.until(({ headers }) => headers['x-api-key'] === secret)
  }
})

test('a server of one project, with a secret: its entry for all projects starts with it, and the other one is named', async () => {
  const home = makeHome()
  closing.push(home.remove)
  const server = await startMcpServer({ 'tools/list': ({ result }) => result({ tools: [] }) })
  closing.push(server.close)
  const mine = { command: 'npx', args: ['mcp-remote', server.url, '--header', 'X-Api-Key:canary'] }
  home.write('.claude.json', JSON.stringify({ projects: { '/srv/work': { mcpServers: { mine } }, '/srv/none': null } }))
  expect((await home.command(['import', 'mcp-remote'])).code).toBe(0)
  const installed = await home.command(['install', 'claude-code', 'mine', '--yes'])
  expect(installed.code, installed.stderr).toBe(0)
  expect(installed.stderr).toContain('/srv/work has an entry of its own for this server')
  expect(installed.stderr).not.toMatch(/canary|srv\/none/)
  const { command, args, env } = JSON.parse(readFileSync(join(home.path, '.claude.json'), 'utf8')).mcpServers.mine
  const started = spawnHost(command, args, { PATH: process.env.PATH, HOME: home.path, ...env })
  closing.push(() => started.close())
  await started.initialize()
  await server.until(({ headers }) => headers['x-api-key'] === 'canary')
})

test('a server that is named like a command is started, and not the command', async () => {
  const home = makeHome()
  closing.push(home.remove)
  const server = await startMcpServer({ 'tools/list': ({ result }) => result({ tools: [] }) })
  closing.push(server.close)
  const login = { command: 'npx', args: ['mcp-remote', server.url] }
  home.write('.cursor/mcp.json', JSON.stringify({ mcpServers: { login } }))
  expect((await home.command(['import', 'mcp-remote'])).code).toBe(0)
  expect((await home.command(['install', 'cursor', 'login', '--yes'])).code).toBe(0)
  const { command, args } = JSON.parse(readFileSync(join(home.path, '.cursor/mcp.json'), 'utf8')).mcpServers.login
  expect(args.slice(1)).toEqual(['run', 'login'])
  const started = spawnHost(command, args, home.environment)
  closing.push(() => started.close())
  await started.initialize()
  expect((await started.request('tools/list')).result.tools).toEqual([])
  expect((await home.command(['install', 'cursor', 'login', '--yes'])).stderr).toContain('Nothing was changed')
})

test('the secret of a client in a file goes into the entry, and is shown nowhere', async () => {
  const home = makeHome()
  closing.push(home.remove)
  const file = home.write('client.json', '{"client_id":"c","client_secret":"canary-file"}')
  const args = ['mcp-remote', 'https://mcp.example.com/mcp', '--static-oauth-client-info', `@${file}`]
  home.write('.cursor/mcp.json', JSON.stringify({ mcpServers: { work: { command: 'npx', args } } }))
  const outputs = [
    await home.command(['import', 'mcp-remote']),
    await home.command(['install', 'cursor', 'work', '--yes']),
  ]
  for (const { code, stdout, stderr } of outputs) {
    expect(code, stderr).toBe(0)
    expect(stdout + stderr).not.toContain('canary')
  }
  const { mcpServers } = JSON.parse(readFileSync(join(home.path, '.cursor/mcp.json'), 'utf8'))
  expect(mcpServers.work.env.MCP_OAUTH_BRIDGE_VALUE_WORK_CLIENT_SECRET).toBe('canary-file')
})
