// Promise: nothing that a server, a file or the database put into a text moves a terminal's cursor, writes its clipboard or adds a line.
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import BetterSqlite3 from 'better-sqlite3'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { printableJson } from '../../src/system/log/printable.ts'
import { PROGRAM } from '../servers/host.ts'
import { startStage } from '../servers/stage.ts'

/** OSC 52, CSI and C1 in both spellings, bidi and invisible marks, tags, every kind of line break. */
const CANARY =
  'x\u001b]52;c;aGFja2Vk\u0007\u001b[2J\u001b[31m\u009b31m\u009d52;c;aA==\u009c\u0090q\u009c\u202eesrever\u2066\u200b\u{e0041}\u2028\nFORGED\rFORGED\u0085FORGED\u007f\b'

let stage: Awaited<ReturnType<typeof startStage>>
let config: string
const noProxy = { NO_COLOR: '1' }

beforeAll(async () => {
  stage = await startStage()
  const login = await stage.command(['login', stage.server.url, '--callback-url', stage.callbackUrl])
  expect(login.code).toBe(0)
  poison(join(stage.environment.MCP_OAUTH_BRIDGE_HOME, 'oauth.db'))
  const name = printableJson(CANARY)
  config = stage.config(
    `servers:\n  ${name}: { url: ${JSON.stringify(stage.server.url)} }\n  other: { url: https://mcp.example.test/mcp }\nproviders:\n  ${name}: { client_id: ${name}, scopes: [${name}], issuer: ${JSON.stringify(stage.authorization.issuer)} }\ncallback_url: ${stage.callbackUrl}\n`,
    'canary.yaml',
  )
}, 60_000)
afterAll(() => stage?.close())

/** Whoever can write to the database writes this into every text of an account, and adds one whose very name is this. */
function poison(file: string): void {
  const database = new BetterSqlite3(file)
  const columns = (table: string) =>
    (database.pragma(`table_info(${table})`) as { name: string; type: string }[])
      .filter(
        ({ name, type }) =>
          type === 'TEXT' && !/_at$|^(id|user_id|server|profile|subject|claims)$|token|key/.test(name),
      )
      .map(({ name }) => name)
  for (const table of ['users', 'tokens'])
    for (const name of columns(table)) {
      if (table === 'tokens' && name === 'grant_type') continue
      database.prepare(`UPDATE ${table} SET ${name} = ?`).run(`${name}-${CANARY}`)
    }
  const row = database.prepare('SELECT * FROM tokens').get() as Record<string, unknown>
  const { id: _id, ...copy } = row
  const added = { ...copy, server: `https://mcp.example.test/${CANARY}`, profile: CANARY }
  const names = Object.keys(added)
  database
    .prepare(`INSERT INTO tokens (${names.join(', ')}) VALUES (${names.map(() => '?').join(', ')})`)
    .run(...Object.values(added))
  database.close()
}

function expectHarmless(text: string): void {
  const lines = text.split('\n')
  expect(lines.filter((line) => /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(line)).map((line) => JSON.stringify(line))).toEqual(
    [],
  )
  expect(lines.filter((line) => /^\W*FORGED/.test(line))).toEqual([])
}

const PRINTED = [
  ['status'],
  ['status', '--verbose'],
  ['doctor', 'SERVER'],
  ['doctor', 'SERVER', '--debug'],
  ['validate-config'],
  ['check-config'],
  ['login', 'unknown'],
  ['login', 'unknown', '--profile', CANARY.replaceAll('\u0000', '')],
  ['refresh', 'SERVER', '--debug'],
  ['refresh', 'CANARY', '--verbose'],
  ['logout', 'CANARY'],
  ['login', 'CANARY', '--no-browser', '--scope', CANARY, '--transport', CANARY],
  ['install', 'cursor', 'CANARY', '--name', CANARY],
  ['completion', CANARY],
  [`unknown ${CANARY}`],
]
const AS_JSON = [
  ['status', '--json'],
  ['doctor', '--json', 'SERVER'],
  ['support-bundle', 'SERVER'],
  ['validate-config', '--json'],
]

const wordsOf = (words: readonly string[]) => [
  ...words.map((word) => (word === 'SERVER' ? stage.server.url : word === 'CANARY' ? CANARY : word)),
  ...['--config', config],
]

describe('text from outside', () => {
  test.each(PRINTED)('controls no terminal with %j', async (...words) => {
    const { stdout, stderr } = await stage.command(wordsOf(words), noProxy)
    expect(stdout + stderr).not.toBe('')
    expectHarmless(stdout)
    expectHarmless(stderr)
  })

  test.each(AS_JSON)('is escaped in the JSON of %j, with the same value', async (...words) => {
    const { stdout, stderr } = await stage.command(wordsOf(words), noProxy)
    expectHarmless(stdout)
    expectHarmless(stderr)
    const parsed = JSON.stringify(JSON.parse(stdout))
    if (words[0] === 'status') expect(parsed).toContain(JSON.stringify(CANARY).slice(1, -1))
  })

  test.each([
    ['a key', `${printableJson(CANARY)}: 1\n`],
    ['a value', `log_level: ${printableJson(CANARY)}\n`],
    ['a nested key', `servers: { ${printableJson(CANARY)}: { url: 1, ${printableJson(`a${CANARY}`)}: 2 } }\n`],
    ['broken syntax', `a: *${CANARY.replaceAll('\n', '')}\n`],
    ['a tag', `log_level: !${CANARY.replaceAll(/[\s]/g, '')} x\n`],
    ['a URL', `mcp_server_url: ${printableJson(`https://${CANARY}`)}\n`],
    ['an unset variable', `log_level: ${printableJson(`\${NOT_SET} ${CANARY}`)}\n`],
  ])('controls no terminal as %s of a config file', async (_what, text) => {
    const file = stage.config(text, 'broken.yaml')
    for (const words of [
      ['validate-config', file],
      ['check-config', file],
      ['status', '--config', file],
    ]) {
      const { stdout, stderr } = await stage.command(words, noProxy)
      expectHarmless(stdout)
      expectHarmless(stderr)
    }
  })

  test('controls no terminal as the name of a file', async () => {
    const file = stage.config('nothing_known: 1\n', 'a\u001b]52;c;aA==\u0007\nFORGED\u009b2J.yaml')
    for (const words of [
      ['validate-config', file],
      ['status', '--config', file],
      ['validate-config', `${file}-gone`],
    ]) {
      const { stdout, stderr } = await stage.command(words, noProxy)
      expectHarmless(stdout)
      expectHarmless(stderr)
    }
  })

  test('controls no terminal as an error of a server, nor as a line of the log', async () => {
    stage.authorization.state.tokenFault = {
      ...{ status: 400, headers: { 'content-type': 'application/json' } },
      body: JSON.stringify({ error: 'invalid_scope', error_description: CANARY }),
    }
    const { stdout, stderr } = await stage.command(
      ['login', stage.server.url, '--callback-url', stage.callbackUrl, '--force', '--debug'],
      noProxy,
    )
    stage.authorization.state.tokenFault = undefined
    expectHarmless(stdout)
    expectHarmless(stderr)
    for (const line of stage.logged()) expect(line.event).toBeTypeOf('string')
  })

  test.skipIf(process.platform !== 'linux')('reaches a real terminal as printable text only', () => {
    for (const words of [['status'], ['status', '--verbose'], ['login', 'unknown'], ['doctor', stage.server.url]]) {
      const line = [process.execPath, PROGRAM, ...words, '--config', config].map((word) => `'${word}'`).join(' ')
      const shown = execFileSync('script', ['-qec', `${line} || true`, '/dev/null'], {
        env: { ...stage.environment, TERM: 'xterm' },
        cwd: stage.home,
        encoding: 'utf8',
      })
      const ESC = '\u001b'
      expect(shown).toContain(ESC)
      for (const raw of [`${ESC}]52`, `${ESC}[2J`, '\u007f', '\b', '\u0007']) expect(shown).not.toContain(raw)
      expect(shown).not.toMatch(/[\u0080-\u009f\u202e\u2066\u200b\u2028]/)
    }
  })

  test('reaches a host byte for byte: the protocol’s stdout is not a terminal', async () => {
    const again = await stage.command(['login', stage.server.url, '--callback-url', stage.callbackUrl, '--force'])
    expect(again.code).toBe(0)
    const host = stage.host()
    await host.initialize()
    const { result } = await host.request('tools/call', { name: 'echo', arguments: { message: CANARY } })
    expect(JSON.stringify(result)).toContain(JSON.stringify(CANARY).slice(1, -1))
    await host.close()
    expectHarmless(host.stderr)
  })
})
