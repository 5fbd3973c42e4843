// install and uninstall on real files, and the written entry started as a host starts it.
import { cpSync, existsSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, test } from 'vitest'
import { readJson } from '../../src/hosts/format/jsonText.ts'
import { serversOf } from '../../src/hosts/hostFile.ts'
import { findHost, HOSTS } from '../../src/hosts/hosts.ts'
import { makeHome } from '../servers/home.ts'
import { PROGRAM } from '../servers/host.ts'
import { startStage } from '../servers/stage.ts'

let home: ReturnType<typeof makeHome>
afterEach(() => home?.remove())

const URL = 'https://mcp.example.com/mcp'
const DESKTOP = '.config/Claude/claude_desktop_config.json'
const read = (name: string) => readFileSync(join(home.path, name), 'utf8')
const servers = (name = DESKTOP, key = 'mcpServers') => JSON.parse(read(name))[key]

describe('install', () => {
  test.each(HOSTS)('into %s makes its file, with absolute paths and where our files are', async (host) => {
    home = makeHome()
    const { code, stdout, stderr } = await home.command(['install', host, URL])
    expect([code, stdout]).toEqual([0, ''])
    const path = /: (\/.*)$/m.exec(stderr)?.[1] ?? ''
    expect(path.startsWith(home.path)).toBe(true)
    const place = findHost(host, { platform: process.platform, home: home.path, environment: {} })
    expect(serversOf(place, readFileSync(path, 'utf8')).example).toMatchObject({
      command: process.execPath,
      args: [PROGRAM, URL],
      env: { MCP_OAUTH_BRIDGE_HOME: home.environment.MCP_OAUTH_BRIDGE_HOME },
    })
    expect(stderr).toMatch(new RegExp(`Sign in once: .*mcp-oauth-bridge(.js)? login ${URL}`))
    expect((await home.command(['install', host, URL])).stderr).toContain('already has this server')
    const removed = await home.command(['uninstall', host, URL])
    expect(removed.code, removed.stderr).toBe(0)
    expect(serversOf(place, readFileSync(path, 'utf8'))).toEqual({})
  })

  test('keeps what is there, makes one backup, and uninstall brings the file back', async () => {
    home = makeHome()
    const before = '{\n  // mine\n  "mcpServers": {\n    "other": { "command": "x" }\n  },\n  "theme":   "dark"\n}\n'
    home.write('.cursor/mcp.json', before)
    expect((await home.command(['install', 'cursor', URL])).code).toBe(0)
    expect(read('.cursor/mcp.json')).toContain('"other": { "command": "x" },')
    expect(read('.cursor/mcp.json')).toContain('"theme":   "dark"')
    expect((await home.command(['install', 'cursor', `${URL}/2`, '--name', 'second'])).code).toBe(0)
    expect(read('.cursor/mcp.json.before-mcp-oauth-bridge')).toBe(before)
    expect((await home.command(['uninstall', 'cursor', 'second'])).code).toBe(0)
    expect((await home.command(['uninstall', 'cursor', URL])).code).toBe(0)
    expect(read('.cursor/mcp.json')).toBe(before)
  })

  test.each([
    ['comma first', (ours: string) => `{\n  "mcpServers": {\n      ${ours}\n    , "b": { "command": "x" }\n  }\n}\n`],
    [
      'with a comment',
      (ours: string) => `{\n  "mcpServers": {\n    ${ours}, /* note */\n  },\n  // more\n  "x":   1\n}\n`,
    ],
    ['on one line', (ours: string) => `{"x":[1,2],"mcpServers":{"b":{"k":[1]},${ours}}}`],
  ])('uninstall leaves a file that the host can read, with all of its comments: %s', async (_, file) => {
    home = makeHome()
    const text = file(`"example": ${JSON.stringify({ command: 'mcp-oauth-bridge', args: [URL] })}`)
    home.write('.cursor/mcp.json', text)
    const { code, stderr } = await home.command(['uninstall', 'cursor', URL])
    expect(code, stderr).toBe(0)
    const was = (readJson(text) as { value: { mcpServers: Record<string, unknown> } }).value
    const { example: _ours, ...others } = was.mcpServers
    expect(readJson(read('.cursor/mcp.json'))).toEqual({ value: { ...was, mcpServers: others } })
    for (const [comment] of text.matchAll(/\/\*.*?\*\/|\/\/ more/g)) expect(read('.cursor/mcp.json')).toContain(comment)
  })

  test.each(['install', 'uninstall'])('%s refuses a server that the file has twice', async (command) => {
    home = makeHome()
    const [first, second] = [
      { command: 'npx', args: ['mcp-remote', URL] },
      { command: 'mcp-oauth-bridge', args: [URL] },
    ].map((entry) => JSON.stringify(entry))
    const text = `{ "mcpServers": { "example": ${first}, "b": {}, "example": ${second} } }`
    home.write('.cursor/mcp.json', text)
    const { code, stderr } = await home.command([command, 'cursor', URL])
    expect([code, stderr]).toEqual([2, expect.stringContaining('mcpServers.example is defined twice')])
    expect(read('.cursor/mcp.json')).toBe(text)
  })

  test('--dry-run shows the lines that change and writes nothing', async () => {
    home = makeHome()
    const before = '{\n  "mcpServers": {\n    "other": { "command": "x" }\n  }\n}\n'
    home.write('.cursor/mcp.json', before)
    const { code, stdout } = await home.command(['install', 'cursor', URL, '--dry-run'])
    expect(code).toBe(0)
    expect(stdout.split('\n').slice(0, 6)).toEqual([
      join(home.path, '.cursor/mcp.json'),
      '  {',
      '    "mcpServers": {',
      '-     "other": { "command": "x" }',
      '+     "other": { "command": "x" },',
      '+     "example": {',
    ])
    expect(read('.cursor/mcp.json')).toBe(before)
    expect(existsSync(join(home.path, '.cursor/mcp.json.before-mcp-oauth-bridge'))).toBe(false)
  })

  test('writes through a link', async () => {
    home = makeHome()
    const real = home.write('dotfiles/mcp.json', '{}')
    mkdirSync(join(home.path, '.cursor'))
    symlinkSync(real, join(home.path, '.cursor/mcp.json'))
    await home.command(['install', 'cursor', URL])
    expect(servers('dotfiles/mcp.json').example).toBeDefined()
  })

  test('hands on options: relative files become absolute, a header loses its space', async () => {
    home = makeHome()
    home.write('h.txt', 'X-Key: canary')
    const config = home.write('config.yaml', `servers: { work: { url: "${URL}" } }\n`)
    const options = ['--header', 'X-Team: core team', '--header-file', 'h.txt', '--login', 'never', '--no-browser']
    const named = ['--config', './config.yaml', '--yes']
    expect(
      (await home.command(['install', 'claude-desktop', 'work', '--profile', 'p', ...options, ...named])).code,
    ).toBe(0)
    expect(servers().work.args.slice(1)).toEqual([
      ...['work', '--profile', 'p', '--header', 'X-Team:core team', '--header-file', join(home.path, 'h.txt')],
      ...['--login', 'never', '--no-browser', '--config', config],
    ])
  })

  test.each([
    ['--header', 'foo', 'A header is not of the form'],
    ['--transport', 'htp', '--transport'],
    ['--protocol', '2024', '--protocol'],
    ['--login', 'nver', '--login'],
    ['--log-level', 'loud', '--log-level'],
    ['--callback-url', 'foo', 'The callback URL "foo"'],
    ['--issuer', 'bar', '--issuer "bar"'],
    ['--client-metadata-url', 'bar', '--client-metadata-url "bar"'],
    ['--authorize-param', 'zzz', '--authorize-param "zzz"'],
  ])('writes no entry that could not start: %s %s', async (option, value, why) => {
    home = makeHome()
    for (const where of [['claude-desktop'], ['--print']]) {
      const { code, stdout, stderr } = await home.command(['install', ...where, URL, option, value])
      expect([code, stdout, stderr]).toEqual([2, '', expect.stringContaining(why)])
    }
    expect(existsSync(join(home.path, DESKTOP))).toBe(false)
  })

  test('hands on what only the host’s start can judge, and values that look like options', async () => {
    home = makeHome()
    const later = ['--header', '$' + '{HEADER}', '--header-file', '/not/yet', '--issuer', '$' + '{ISSUER}']
    const { code, stderr } = await home.command(['install', 'claude-desktop', URL, ...later, '--client-id=-AbC'])
    expect(code, stderr).toBe(0)
    expect(servers().example.args.slice(2)).toEqual([...later, '--client-id=-AbC'])
    expect((await home.command(['install', 'claude-desktop', URL, ...later, '--client-id=-AbC'])).stderr).toContain(
      'Nothing was changed',
    )
    expect((await home.command(['uninstall', 'claude-desktop', URL])).code).toBe(0)
  })

  test.each([
    [['--header', 'Authorization: Bearer canary-1']],
    [['--header', 'X-Api-Key:canary-1']],
    [['--authorize-param', 'api_key=canary-1']],
  ])('refuses a secret in %j, and repeats it nowhere', async (options) => {
    home = makeHome()
    const { code, stderr } = await home.command(['install', 'claude-desktop', URL, ...options])
    expect(code).toBe(2)
    expect(stderr).toContain('looks like a secret')
    expect(stderr).not.toContain('canary-1')
    expect(existsSync(join(home.path, DESKTOP))).toBe(false)
    const url = await home.command(['install', 'claude-desktop', `${URL}?api_key=canary-1`])
    expect([url.code, url.stderr.includes('canary-1')]).toEqual([2, false])
  })

  test.each([
    ['{ "mcpServers": { "a": 1 "b": 2 } }', 'line 1'],
    ['[]', 'it is not an object'],
    ['{ "mcpServers": [] }', 'mcpServers is not an object'],
  ])('leaves a file that it does not understand (%j) as it is', async (text, why) => {
    home = makeHome()
    home.write(DESKTOP, text)
    const { code, stderr } = await home.command(['install', 'claude-desktop', URL])
    expect(code).toBe(2)
    expect(stderr).toContain(why)
    expect(stderr).toContain('host_config_invalid')
    expect(read(DESKTOP)).toBe(text)
  })

  test('touches no entry of the same name that is not ours: it takes another name, unless one is asked for', async () => {
    home = makeHome()
    home.write(DESKTOP, '{ "mcpServers": { "example": { "command": "other" } } }')
    const refused = await home.command(['install', 'claude-desktop', URL, '--name', 'example'])
    expect([refused.code, refused.stderr.includes('--name')]).toEqual([2, true])
    const added = await home.command(['install', 'claude-desktop', URL])
    expect([added.code, added.stderr.includes('Added "example-2" to Claude Desktop')]).toEqual([0, true])
    expect((await home.command(['uninstall', 'claude-desktop', 'example'])).code).toBe(2)
    expect(servers().example).toEqual({ command: 'other' })
  })

  test('gives another server, path or profile another name, and each is found again', async () => {
    home = makeHome()
    const wanted = [
      [URL],
      [`${URL}/admin`],
      ['https://mcp.example.com/billing/mcp'],
      ['https://api.example.com/mcp'],
      [URL, '--profile', 'work'],
      [URL, '--profile', 'home'],
    ]
    for (const words of wanted) expect((await home.command(['install', 'cursor', ...words])).code).toBe(0)
    const names = () => Object.keys(servers('.cursor/mcp.json'))
    expect(names()).toEqual([
      'example',
      'example-admin',
      'example-billing',
      'example-2',
      'example-work',
      'example-home',
    ])
    const before = read('.cursor/mcp.json')
    for (const words of wanted)
      expect((await home.command(['install', 'cursor', ...words])).stderr).toContain('Nothing was changed')
    expect(read('.cursor/mcp.json')).toBe(before)
    await home.command(['uninstall', 'cursor', 'example-work'])
    expect(names()).toEqual(['example', 'example-admin', 'example-billing', 'example-2', 'example-home'])
    // As install takes it: a URL alone is the server without a profile.
    await home.command(['uninstall', 'cursor', URL])
    expect(names()).toEqual(['example-admin', 'example-billing', 'example-2', 'example-home'])
    await home.command(['uninstall', 'cursor', URL, '--profile', 'home'])
    expect(names()).toEqual(['example-admin', 'example-billing', 'example-2'])
  })

  test('uninstall removes the server that is named, and none that only has it in an option', async () => {
    home = makeHome()
    const other = 'https://other.example.com/mcp'
    expect((await home.command(['install', 'cursor', other, '--resource', URL])).code).toBe(0)
    expect((await home.command(['uninstall', 'cursor', URL])).code).toBe(2)
    expect(Object.keys(servers('.cursor/mcp.json'))).toEqual(['example'])
  })

  test('replaces an older entry of the same server: it says so, shows the difference without secrets, and keeps what was added', async () => {
    home = makeHome()
    const added = { disabled: true, alwaysAllow: ['echo'], timeout: 60, cwd: '/srv/project', envFile: '.env' }
    const old = {
      command: 'npx',
      args: ['mcp-oauth-bridge', URL, '--header', 'X-Api-Key:canary-1'],
      env: { HTTPS_PROXY: 'http://proxy.example:3128', API_TOKEN: 'canary-2' },
      ...added,
    }
    home.write('.cursor/mcp.json', JSON.stringify({ mcpServers: { mine: old } }))
    const { code, stderr } = await home.command(['install', 'cursor', URL])
    expect(code).toBe(0)
    expect(stderr).toContain('Replaced "mine" in Cursor')
    expect(stderr).toMatch(/^ {2}- {3}"command": "npx",$/m)
    expect(stderr).not.toContain('canary')
    const { mine } = servers('.cursor/mcp.json')
    expect(mine).toMatchObject({ ...added, command: process.execPath, args: [PROGRAM, URL] })
    expect(mine.env).toMatchObject({ ...old.env, MCP_OAUTH_BRIDGE_HOME: home.environment.MCP_OAUTH_BRIDGE_HOME })
  })

  test('says where the host was not found, and what to do next only where there is something to do', async () => {
    home = makeHome()
    const missing = await home.command(['install', 'cursor', URL])
    expect([missing.code, missing.stderr.includes('Cursor was not found on this computer')]).toEqual([0, true])
    const there = await home.command(['install', 'cursor', `${URL}/2`])
    expect(there.stderr).not.toContain('was not found')
    expect(there.stderr).toContain('Enable the server in Cursor')
  })

  test('of a signed-in server asks nobody to sign in, and uninstall says what it leaves', async () => {
    const stage = await startStage()
    try {
      await stage.command(['login', stage.server.url, '--callback-url', stage.callbackUrl])
      const installed = await stage.command(['install', 'cursor', stage.server.url, '--name', 'mine'])
      expect(installed.stderr).toContain('You are signed in to this server already')
      expect(installed.stderr).not.toContain('Sign in once')
      const removed = await stage.command(['uninstall', 'cursor', 'mine'])
      expect(removed.stderr).toContain('Removed "mine" from Cursor')
      expect(removed.stderr).toContain(`To sign out: mcp-oauth-bridge logout ${stage.server.url}`)
      expect(removed.stderr).not.toContain('Enable the server')
      expect(JSON.parse((await stage.command(['status', '--json'])).stdout).accounts[0].state).toBe('signed_in')
    } finally {
      await stage.close()
    }
  })

  test.each([
    ['nothing', '', 0],
    ['white space', ' \n\t', 0],
    ['a mark and nothing', '\ufeff', 0],
    ['null', 'null', 2],
    ['a text', '"text"', 2],
    ['a number', '7', 2],
    ['servers that are null', '{"mcpServers":null}', 0],
    ['servers that are a text', '{"mcpServers":"x"}', 2],
    ['servers twice', '{"mcpServers":{"a":{}},"mcpServers":{}}', 2],
    ['entries of any type', '{"mcpServers":{"a":null,"b":[],"c":7,"d":"x","e":{"args":[1]},"example":null}}', 0],
    ['a server named __proto__', '{"mcpServers":{"__proto__":{"command":"x"}}}', 0],
    ['a comma too many', '{"mcpServers":{"a":{"command":"x"},},}', 0],
    ['comments, tabs and CRLF', '// mine\r\n{\r\n\t"mcpServers": {\r\n\t\t/* b */ "b": {}\r\n\t}\r\n}\r\n', 0],
    ['UTF-16', Buffer.from('\ufeff{"mcpServers":{}}', 'utf16le'), 2],
    ['bytes that are no text', Buffer.from([0x7b, 0xff, 0xfe, 0x7d]), 2],
    ['a NUL', '{"mcpServers":{}}\0', 2],
    ['100,000 levels', '['.repeat(100_000), 2],
    ['10 MB', `{"mcpServers":{"a":{"x":"${'y'.repeat(10_000_000)}"}}}`, 0],
  ])('a file with %s is kept or refused in words, never a fault of ours', async (_, content, wanted) => {
    home = makeHome()
    home.write('.cursor/mcp.json', content)
    const before = readFileSync(join(home.path, '.cursor/mcp.json'))
    const { code, stderr } = await home.command(['install', 'cursor', URL])
    expect(stderr).not.toMatch(/internal|^\s+at /m)
    expect(code, stderr).toBe(wanted)
    const after = readFileSync(join(home.path, '.cursor/mcp.json'))
    if (wanted !== 0) {
      expect(stderr).toContain('host_config_invalid')
      return expect(after.equals(before)).toBe(true)
    }
    const removed = await home.command(['uninstall', 'cursor', URL])
    expect(removed.code, removed.stderr).toBe(0)
    for (const name of ['"a"', '"b"', '__proto__', '// mine', '/* b */'])
      if (before.includes(name)) expect(read('.cursor/mcp.json')).toContain(name)
  })

  test.each([
    [['install'], 'No host was given'],
    [['install', 'emacs', URL], '"emacs" is not a known host'],
    [['install', 'cursor'], 'No server was given'],
    [['install', 'cursor', 'unknown'], 'is neither a command, a URL nor a server'],
    [['install', 'cursor', URL, '--name', 'a b'], 'may contain only'],
    [['uninstall', 'cursor'], 'No server was given'],
    [['uninstall', 'cursor', 'x'], 'does not exist'],
    [['import', 'other'], 'import supports only mcp-remote, not "other"'],
  ])('%j is an error with exit code 2', async (args, text) => {
    home = makeHome()
    const { code, stderr } = await home.command(args)
    expect(code).toBe(2)
    expect(stderr).toContain(text)
  })
})

test('a written entry, from a folder with spaces and quotes, bridges when a host starts it', async () => {
  const stage = await startStage()
  home = makeHome(` it's "here" & there`)
  const copy = join(home.path, 'my programs')
  const source = (name: string) => fileURLToPath(new globalThis.URL(`../../${name}`, import.meta.url))
  for (const name of ['bin', 'dist', 'package.json']) cpSync(source(name), join(copy, name), { recursive: true })
  symlinkSync(source('node_modules'), join(copy, 'node_modules'))
  const program = join(copy, 'bin/mcp-oauth-bridge.js')
  const options = ['--callback-url', stage.callbackUrl, '--header', `X-Say: "hi" it's $HOME %PATH% \\`]
  const installed = await home.command(
    ['install', 'claude-desktop', stage.server.url, '--name', 'x', ...options],
    {},
    program,
  )
  expect(installed).toMatchObject({ code: 0 })
  const host = stage.hostOfEntry(servers().x)
  expect(await host.isMet()).toBe(true)
  expect((await host.request('tools/list')).result.tools.length).toBeGreaterThan(0)
  await host.close()
  expect(stage.server.state.passed.at(-1)?.headers['x-say']).toBe(`"hi" it's $HOME %PATH% \\`)
  await stage.close()
})
