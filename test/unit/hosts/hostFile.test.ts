// A host's file of any format: what is written is what the host reads, and everything else keeps its bytes.
import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { parse as parseToml } from 'smol-toml'
import { describe, expect, test } from 'vitest'
import { parse as parseYaml } from 'yaml'
import { serversOf, withServer } from '../../../src/hosts/hostFile.ts'
import { findHost, HOSTS, type HostName } from '../../../src/hosts/hosts.ts'
import { errorOf } from '../../fakes/thrown.ts'

const host = (name: HostName) => findHost(name, { platform: 'linux', home: '/h', environment: {}, has: () => false })
const ENTRY = { command: '/usr/bin/node', args: ['/a b/x.js', 'https://x.example/?a="1"', '# no: comment'] }
const ENV = { MCP_OAUTH_BRIDGE_HOME: '/home/ann/bridge' }

const TOML = `# mine
model = "o9"   # the best
notes = """
[mcp_servers.new]
command = "not this one"
"""
matrix = [
  ["a"],
  [ "b" ],
]

[mcp_servers.old]   # keep
command = 'x'
args = [
  "[y]", # why
]

[mcp_servers.old.env]
A = "1"

# about the profile
[profiles.fast]
model = "o1"
`
const YAML = `# mine
GOOSE_MODEL: "o9"   # the best
extensions:
  # the first
  old:
    name: old
    cmd:   x
    args:
    - a
    enabled: true
    type: stdio
  # the last

text: |
  extensions:
    new: no
`
const OPENCODE = `{
  // mine
  "$schema": "https://opencode.ai/config.json",
  "mcp": {
    "old": { "type": "local", "command": ["x", "y"], "enabled": false }, // keep
  },
}
`
const FILES: [HostName, string][] = [
  ['codex', TOML],
  ['goose', YAML],
  ['opencode', OPENCODE],
]

describe('what a host reads after install', () => {
  test('Codex has a table of its servers', () => {
    const { mcp_servers } = parseToml(withServer(host('codex'), TOML, 'new', { ...ENTRY, env: ENV })) as never
    expect(mcp_servers).toEqual({
      old: { command: 'x', args: ['[y]'], env: { A: '1' } },
      new: { ...ENTRY, env: ENV },
    })
  })

  test('Goose has an extension that is on', () => {
    const written = parseYaml(withServer(host('goose'), YAML, 'new', { type: 'stdio', ...ENTRY, env: ENV }))
    expect(written.extensions.new).toEqual({
      name: 'new',
      type: 'stdio',
      enabled: true,
      timeout: 300,
      cmd: ENTRY.command,
      args: ENTRY.args,
      envs: ENV,
    })
  })

  test('OpenCode has a local server with its command as one list', () => {
    const written = JSON.parse(withServer(host('opencode'), '', 'new', { type: 'local', ...ENTRY, env: ENV }))
    expect(written.mcp.new).toEqual({ type: 'local', command: [ENTRY.command, ...ENTRY.args], environment: ENV })
  })

  test.each(HOSTS)('%s gives each entry back as it was written', (name) => {
    const entry = { ...ENTRY, env: ENV }
    expect(serversOf(host(name), withServer(host(name), '', 'new', entry)).new).toMatchObject(entry)
  })
})

test.each(HOSTS)('%s gives an entry that is strictly the same, so that it is not written twice', (name) => {
  const entry = { ...ENTRY, env: ENV }
  const text = withServer(host(name), '', 'new', entry)
  const read = serversOf(host(name), text).new as typeof entry
  expect(isDeepStrictEqual({ ...read, ...entry }, read)).toBe(true)
})

test('a date of a TOML entry stays a date when the entry is replaced', () => {
  const text = '[mcp_servers.old]\ncommand = "x"\nsince = 2026-02-01\n'
  const old = serversOf(host('codex'), text).old as object
  expect(withServer(host('codex'), text, 'old', { ...old, command: 'y' })).toContain('since = 2026-02-01\n')
})

describe('the rest of the file', () => {
  const variants = FILES.flatMap(([name, text]) =>
    [
      ['as it is', text],
      ['with CRLF', text.replaceAll('\n', '\r\n')],
      ['without a last line break', text.trimEnd()],
      ['with CRLF, without a last line break', text.trimEnd().replaceAll('\n', '\r\n')],
      ['with empty lines at its end', `${text}\n\n`],
    ].map(([what = '', content = '']) => [name, what, content] as const),
  )

  test.each(variants)('of %s (%s) has the same bytes after install and uninstall', (name, _, text) => {
    const added = withServer(host(name), text, 'new', ENTRY)
    expect(serversOf(host(name), added)).toHaveProperty('new')
    expect(added).toMatch(/# the best|\/\/ keep/)
    if (text.includes('\r\n')) expect(added.replaceAll('\r\n', '')).not.toContain('\n')
    const again = withServer(host(name), added, 'new', { ...ENTRY, args: ['other'] })
    expect(serversOf(host(name), again).new).toMatchObject({ args: ['other'] })
    expect(withServer(host(name), again, 'new', undefined)).toBe(text)
  })

  test.each(FILES)('of %s stays, when an entry of somebody else is replaced or removed', (name, text) => {
    const replaced = withServer(host(name), text, 'old', ENTRY)
    expect(serversOf(host(name), replaced).old).toMatchObject(ENTRY)
    for (const kept of ['mine', 'the best', 'about the profile', '# the last', '[mcp_servers.new]', '    new: no'])
      expect(replaced.includes(kept), kept).toBe(text.includes(kept))
    const removed = withServer(host(name), text, 'old', undefined)
    expect(Object.keys(serversOf(host(name), removed))).toEqual([])
    for (const kept of ['mine', 'the best', 'about the profile', '[mcp_servers.new]', '    new: no'])
      expect(removed.includes(kept), kept).toBe(text.includes(kept))
  })

  test.each([
    ['codex', ''],
    ['codex', '\n'],
    ['codex', 'a = 1'],
    ['codex', '\ufeffa = 1\n'],
    ['codex', '[a]\nb = 1\n# end'],
  ] as const)('of %s (%j), without any server, comes back', (name, text) => {
    expect(withServer(host(name), withServer(host(name), text, 'new', ENTRY), 'new', undefined)).toBe(text)
  })

  test.each([
    '',
    '# only this',
    'a: 1',
    'a: 1\n',
    'extensions:\n',
    'extensions: {}\n',
    'extensions: {} # none\nb: 1\n',
    'extensions: # mine\nb: 1\n',
  ])('of goose (%j) keeps its data', (text) => {
    const added = withServer(host('goose'), text, 'new', ENTRY)
    expect(parseYaml(added).extensions.new.cmd).toBe(ENTRY.command)
    const { extensions, ...rest } = parseYaml(withServer(host('goose'), added, 'new', undefined))
    expect(extensions).toEqual({})
    const { extensions: _, ...before } = parseYaml(text) ?? {}
    expect(rest).toEqual(before)
  })

  test.each([
    ['codex', 'mcp_servers = { a = { command = "x" } }\n'],
    ['codex', 'mcp_servers.new.command = "x"\n[b]\n'],
    ['goose', 'extensions: { a: { cmd: x } }\n'],
    ['goose', '{ extensions: {} }\n'],
  ] as const)('of %s in a form that would need more changes (%j) is refused in words', async (name, text) => {
    const error = await errorOf(() => withServer(host(name), text, 'new', ENTRY))
    expect([error.code, error.hint]).toEqual(['host_config_invalid', expect.stringContaining('install --print')])
  })

  test.each([
    ['codex', 'a = \n', 'line 1'],
    ['codex', 'mcp_servers = 1\n', 'mcp_servers is not an object'],
    ['goose', 'a: [\n', 'line '],
    ['goose', '- a\n', 'it is not an object'],
    ['goose', 'extensions: [a]\n', 'extensions is not an object'],
  ] as const)('of %s that is none (%j) is refused in words', async (name, text, why) => {
    const error = await errorOf(() => serversOf(host(name), text))
    expect([error.code, error.message]).toEqual(['host_config_invalid', expect.stringContaining(why)])
  })

  test.each(['\u2028', '\u2029', '\u0085', '\ufeff', ' ', '\r', 'a\n\n b\n'])(
    'is not changed by an entry with the word %j, in any format',
    (word) => {
      for (const [name, , text] of variants) {
        const added = withServer(host(name), text, 'new', { command: word, args: [word], env: { A: word } })
        expect(serversOf(host(name), added).new).toMatchObject({ command: word, args: [word], env: { A: word } })
        expect(withServer(host(name), added, 'new', undefined)).toBe(text)
      }
    },
  )

  test('is never changed by any words of an entry, in any format', () => {
    const word = fc.string({ unit: 'grapheme', maxLength: 30 }).filter((text) => text.isWellFormed())
    const entry = fc.record({
      command: word,
      args: fc.array(word, { maxLength: 4 }),
      env: fc.dictionary(fc.stringMatching(/^[A-Z_]{1,9}$/), word),
    })
    fc.assert(
      fc.property(fc.constantFrom(...variants), entry, ([name, , text], given) => {
        const added = withServer(host(name), text, 'new', given)
        expect(serversOf(host(name), added).new).toMatchObject({ ...given })
        expect(withServer(host(name), added, 'new', undefined)).toBe(text)
      }),
      { numRuns: 200 },
    )
  })
})

test('a server that a JSON file has twice is not changed: hosts differ in which of them they start', async () => {
  const text = '{ "mcpServers": { "a": { "command": "x" }, "b": {}, "a": { "command": "y" } } }'
  for (const entry of [ENTRY, undefined]) {
    const error = await errorOf(() => withServer(host('cursor'), text, 'a', entry))
    expect([error.code, error.message]).toEqual([
      'host_config_invalid',
      expect.stringMatching(/: mcpServers\.a is defined twice\.$/),
    ])
  }
  expect(withServer(host('cursor'), text, 'new', ENTRY)).toContain('"b": {}, "a": { "command": "y" }, "new": {')
})
