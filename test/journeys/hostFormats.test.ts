// Hosts whose files are not JSON, or name things in another way: install --print, and mcp-remote replaced in each.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { serversOf } from '../../src/hosts/hostFile.ts'
import { findHost } from '../../src/hosts/hosts.ts'
import { makeHome } from '../servers/home.ts'
import { PROGRAM } from '../servers/host.ts'

let home: ReturnType<typeof makeHome>
afterEach(() => home?.remove())

const URL = 'https://mcp.example.com/mcp'
const read = (name: string) => readFileSync(join(home.path, name), 'utf8')

test('--print shows the entry for any host, or in the words of one, and writes nothing', async () => {
  home = makeHome()
  const any = await home.command(['install', '--print', URL, '--profile', 'p'])
  expect([any.code, any.stderr]).toEqual([0, ''])
  expect(JSON.parse(any.stdout).mcpServers.example).toMatchObject({
    command: process.execPath,
    args: [PROGRAM, URL, '--profile', 'p'],
  })
  const codex = await home.command(['install', 'codex', URL, '--name', 'mine', '--print'])
  expect([codex.code, codex.stdout.split('\n')[0]]).toEqual([0, '[mcp_servers.mine]'])
  const goose = await home.command(['install', 'goose', URL, '--print'])
  expect(goose.stdout).toMatch(/^extensions:\n {2}example:\n/)
  for (const path of ['.cursor', '.codex', '.config/goose']) expect(existsSync(join(home.path, path))).toBe(false)
  const secret = await home.command(['install', '--print', URL, '--header', 'X-Api-Key:canary-1'])
  expect([secret.code, secret.stdout, secret.stderr.includes('canary-1')]).toEqual([2, '', false])
  const nothing = await home.command(['install', 'cursor', '--print'])
  expect([nothing.code, nothing.stderr.includes('No server was given')]).toEqual([2, true])
})

test('import mcp-remote takes servers from hosts of every file format, and install replaces each entry with its secret and its variables', async () => {
  home = makeHome()
  const words = (name: string) => `"mcp-remote", "https://${name}.example/mcp"`
  home.write(
    '.codex/config.toml',
    `# mine\n[mcp_servers.a]\ncommand = "npx"\nargs = [${words('a')}, "--header", "X-Api-Key: canary"]\n`,
  )
  home.write(
    '.config/goose/config.yaml',
    `extensions: # mine\n  b: { cmd: npx, args: [${words('b')}], type: stdio, envs: { K: v } }\n`,
  )
  const local = `{"type":"local","command":["npx",${words('c')}],"environment":{"K":"v"}}`
  home.write('.config/opencode/opencode.jsonc', `{ "mcp": { "c": ${local} } } // mine`)
  const imported = await home.command(['import', 'mcp-remote'])
  expect([imported.code, imported.stderr.includes('canary')]).toEqual([0, false])
  for (const name of ['a', 'b', 'c']) expect(read('bridge/config.yaml')).toContain(`https://${name}.example/mcp`)
  for (const [host, name, file] of [
    ['codex', 'a', '.codex/config.toml'],
    ['goose', 'b', '.config/goose/config.yaml'],
    ['opencode', 'c', '.config/opencode/opencode.jsonc'],
  ] as const) {
    const { code, stderr } = await home.command(['install', host, name])
    expect(code, stderr).toBe(0)
    expect(stderr).not.toContain('canary')
    expect(read(file)).toContain('mine')
    const place = findHost(host, { platform: 'linux', home: home.path, environment: {} })
    const entry = serversOf(place, read(file))[name]
    expect(entry).toMatchObject({ command: process.execPath, args: [PROGRAM, name] })
    expect(JSON.stringify(entry)).toContain(
      host === 'codex' ? '"MCP_OAUTH_BRIDGE_VALUE_A_X_API_KEY":"canary"' : '"K":"v"',
    )
  }
})

test('a text of Goose’s file that YAML takes for an alias is named with its line, and the file stays as it is', async () => {
  home = makeHome()
  const text = 'extensions:\n  a: { cmd: grep, args: [*.txt] }\n'
  home.write('.config/goose/config.yaml', text)
  const { code, stderr } = await home.command(['install', 'goose', URL])
  expect(code).toBe(2)
  expect(stderr).toContain('line 2:26: the alias "*.txt" has no anchor')
  expect(stderr).toContain('host_config_invalid')
  expect(read('.config/goose/config.yaml')).toBe(text)
})
