// The log and the health endpoints of the real program: what the guide looks for is found there.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import BetterSqlite3 from 'better-sqlite3'
import { afterEach, expect, test } from 'vitest'
import { startStage } from '../servers/stage.ts'

let stage: Awaited<ReturnType<typeof startStage>>
afterEach(() => stage?.close())

const here = () => ['--callback-url', stage.callbackUrl]
const events = () => stage.logged().map(({ event }) => event)
const text = () => readFileSync(join(stage.environment.MCP_OAUTH_BRIDGE_HOME, 'logs/proxy.log'), 'utf8')

test('the log names each step of a sign-in and of a bridge, as JSON lines', async () => {
  stage = await startStage()
  const host = stage.host()
  await host.initialize()
  await host.request('tools/list')
  await host.close()
  const steps = ['proxy:start', 'oauth:sign-in', 'oauth:callback', 'oauth:browser', 'oauth:signed-in', 'proxy:headers']
  for (const step of [...steps, 'proxy:end']) expect(events()).toContain(step)
  expect(events()).not.toContain('proxy:request')
  for (const { time, level } of stage.logged()) {
    expect(Date.parse(time)).not.toBeNaN()
    expect(level).toMatch(/^(info|warn)$/)
  }
})

test('at debug, every message is logged with its request id and method', async () => {
  stage = await startStage()
  await stage.command(['login', stage.server.url, ...here()])
  const host = stage.host([], { DEBUG: 'proxy:*' })
  await host.initialize()
  host.send({ jsonrpc: '2.0', id: 'needle-id', method: 'tools/list' })
  await host.hear(({ id }: { id: unknown }) => id === 'needle-id')
  await host.close()
  const named = stage.logged().filter(({ request }) => request === '"needle-id"')
  expect(named.map(({ event, method }) => [event, method])).toEqual([
    ['proxy:request', 'tools/list'],
    ['proxy:answer', undefined],
  ])
  expect(events()).not.toContain('oauth:pkce')
})

test.each([
  ['oauth:*', 'oauth:pkce', 'proxy:request'],
  ['oauth:pkce', 'oauth:pkce', 'proxy:request'],
  ['proxy:headers', 'proxy:headers', 'oauth:pkce'],
  ['*', 'proxy:request', 'nothing'],
])('DEBUG=%s shows %s and not %s on stderr', async (DEBUG, shown, hidden) => {
  stage = await startStage()
  const host = stage.host([], { DEBUG })
  await host.initialize()
  await host.close()
  // The verifier is made by the login process, which has the log file only.
  const said = DEBUG.startsWith('oauth') ? text() : host.stderr
  expect(said).toContain(`"${shown}"`)
  expect(said).not.toContain(`"${hidden}"`)
})

test.each([
  ['without --debug', []],
  ['with --debug', ['--debug']],
])('no start %s prints the values of headers, including the bearer', async (_, debug) => {
  stage = await startStage()
  const config = stage.config(`servers: { work: { url: "${stage.server.url}", headers: { X-Team: needle-config } } }\n`)
  const named = ['X-Named:$', '{NAMED}'].join('')
  const words = ['--config', config, '--header', 'X-Api-Key: needle-flag', '--header', named, ...debug]
  const host = stage.hostOf('work', words, { NAMED: 'needle-variable' })
  expect(await host.isMet()).toBe(true)
  await host.close()
  const { headers } = stage.server.state.passed[0] ?? {}
  expect(headers).toMatchObject({
    'x-team': 'needle-config',
    'x-api-key': 'needle-flag',
    'x-named': 'needle-variable',
  })
  const bearer = headers?.authorization?.slice('Bearer '.length) ?? ''
  expect(bearer).not.toBe('')
  expect(text()).toContain('"proxy:headers"')
  expect(host.stderr.includes('"proxy:headers"')).toBe(debug.length > 0)
  for (const said of [host.stderr, text()]) {
    expect(said).not.toMatch(/needle/)
    expect(said).not.toContain(bearer)
  }
})

test('a server that repeats a header in the JSON of PHP and .NET gets it into no log and no error', async () => {
  stage = await startStage()
  const host = stage.hostOf(stage.server.url, ['--header', 'X-Api-Key: needle/Key+With/Marks~2026', '--debug'])
  expect(await host.isMet()).toBe(true)
  const body = '{"exception":"refused needle\\/Key\\u002BWith\\/Marks~2026"}'
  stage.server.state.instead = { status: 500, type: 'application/json', body }
  const { error } = await host.request('tools/list')
  expect(error.message).toContain('refused [hidden]')
  await host.close()
  expect(text()).toContain('refused [hidden]')
  for (const said of [host.stderr, text(), host.lines.join('\n')]) expect(said).not.toMatch(/needle|Marks/)
})

test('a search for "error" in the log finds the failures', async () => {
  stage = await startStage({ person: 'deny' })
  await stage.command(['login', stage.server.url, ...here()])
  const found = text()
    .split('\n')
    .filter((line) => /error/i.test(line))
  expect(found.join('\n')).toContain('"error":"access_denied"')
})

test('while a sign-in waits, the callback port reports health; 503 when a part fails', async () => {
  stage = await startStage()
  const waiting = stage.start(['login', stage.server.url, '--no-browser', ...here()])
  await waiting.says(/^http\S+/m)
  const { origin } = new URL(stage.callbackUrl)
  const ask = async (path: string) => {
    const answer = await fetch(origin + path)
    return [answer.status, await answer.json()]
  }
  const uptime = expect.any(Number)
  expect(await ask('/health')).toEqual([200, { status: 'healthy', database: 'connected', uptime }])
  expect(await ask('/ready')).toEqual([200, { status: 'ready', database: 'connected', mcp_server: 'reachable' }])
  expect(await ask('/health/database')).toEqual([200, { status: 'healthy', database: 'connected' }])
  expect(await ask('/health/mcp-server')).toEqual([200, { status: 'healthy', mcp_server: 'reachable' }])
  await stage.server.close()
  expect(await ask('/health/mcp-server')).toEqual([503, { status: 'unhealthy', mcp_server: 'unreachable' }])
  expect((await ask('/ready'))[0]).toBe(503)
  expect((await ask('/health'))[0]).toBe(200)
  const database = new BetterSqlite3(join(stage.environment.MCP_OAUTH_BRIDGE_HOME, 'oauth.db'))
  database.exec('DROP TABLE tokens')
  database.close()
  expect(await ask('/health')).toEqual([503, { status: 'unhealthy', database: 'disconnected', uptime }])
  expect((await ask('/health/database'))[0]).toBe(503)
})
