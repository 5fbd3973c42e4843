// Servers whose refusals are no plain 401: sessions of another sign-in, everything outside a session, a login page, a stream that is never there.
import { afterEach, expect, test } from 'vitest'
import type { Answer, Seen } from '../servers/scriptedOrigin.ts'
import { startProtectedStage } from '../servers/scriptedStage.ts'
import { until } from '../servers/until.ts'

type Stage = Awaited<ReturnType<typeof startProtectedStage>>

let stage: Stage
afterEach(() => stage?.close())

const url = () => `${stage.server.origin}/mcp`
const call = (host: ReturnType<Stage['host']>) => host.request('tools/call', { name: 'x', arguments: {} })
const refreshes = () => stage.issuer.requests.filter(({ body }) => body.includes('grant_type=refresh_token')).length
const mcp = (test: (seen: Seen) => boolean) =>
  stage.server.requests.filter((seen) => seen.path === '/mcp' && test(seen))

/** A stage whose MCP server answers as `answer` says; undefined: as the plain protected one. */
async function startServer(answer: (seen: Seen, token: string | undefined) => Answer | undefined) {
  stage = await startProtectedStage()
  const plain = stage.server.routes['/mcp']
  stage.server.routes['/mcp'] = (seen) => {
    const token = /^Bearer (.+)$/.exec(seen.headers.authorization ?? '')?.[1]
    return answer(seen, token) ?? plain?.(seen) ?? { status: 500 }
  }
}

/** Sessions named after the token that began them. */
const begin = (seen: Seen, token: string): Answer | undefined =>
  seen.method === 'POST' && JSON.parse(seen.body).method === 'initialize'
    ? {
        headers: { 'mcp-session-id': `of-${token}` },
        json: {
          ...{ jsonrpc: '2.0', id: JSON.parse(seen.body).id },
          result: {
            protocolVersion: '2025-11-25',
            capabilities: { tools: {} },
            serverInfo: { name: 's', version: '1' },
          },
        },
      }
    : undefined

test('a server that refuses everything outside a session with 401 is signed in to and called (fastmcp)', async () => {
  await startServer((seen, token) => {
    if (token === undefined || seen.method === 'DELETE') return undefined
    if (seen.headers['mcp-session-id'] !== undefined) return undefined
    const refusal = { error: 'invalid_token', error_description: 'No valid session ID provided' }
    return begin(seen, token) ?? { status: 401, json: refusal }
  })
  const login = await stage.command('login', url())
  expect(login.code).toBe(0)
  expect(mcp(({ method, headers }) => method === 'DELETE' && headers['mcp-session-id'] === 'of-token-2')).toHaveLength(
    1,
  )
  const host = stage.host()
  expect(await host.isMet()).toBe(true)
  expect((await call(host)).result).toBeDefined()
  expect([stage.tabs(), refreshes()]).toEqual([1, 0])
  const doctor = await stage.command('doctor', url(), '--json')
  const { checks } = JSON.parse(doctor.stdout)
  expect(checks.find(({ name }: { name: string }) => name === 'mcp_handshake')).toMatchObject({ status: 'pass' })
})

test('the same server is called with tokens from before its revisions were asked for, without another sign-in', async () => {
  await startServer((seen, token) => {
    if (token === undefined || seen.method === 'DELETE') return undefined
    if (seen.headers['mcp-session-id'] !== undefined) return undefined
    const refusal = { error: 'invalid_token', error_description: 'No valid session ID provided' }
    return begin(seen, token) ?? { status: 401, json: refusal }
  })
  expect((await stage.command('login', url(), '--protocol', '2025')).code).toBe(0)
  const host = stage.host()
  expect(await host.isMet()).toBe(true)
  expect((await call(host)).result).toBeDefined()
  expect(stage.tabs()).toBe(1)
})

test.each([
  ['401 without a word', { status: 401 }],
  ['401 in words', { status: 401, json: { error: 'Session belongs to another user' } }],
  ['403 in words', { status: 403, json: { error: 'Session does not belong to this user' } }],
  ['400 in words', { status: 400, json: { error: { message: 'Bad Request: session user mismatch' } } }],
  ['404', { status: 404 }],
] satisfies (readonly [string, Answer])[])(
  'a session begun before another sign-in and refused with %s is begun anew, and costs no refresh',
  async (_, refusal) => {
    await startServer((seen, token) => {
      if (token === undefined) return undefined
      const id = seen.headers['mcp-session-id']
      return begin(seen, token) ?? (id === undefined || id === `of-${token}` ? undefined : refusal)
    })
    const host = stage.host()
    expect(await host.isMet()).toBe(true)
    expect((await call(host)).result).toBeDefined()
    expect((await stage.command('login', url(), '--force')).code).toBe(0)
    expect((await call(host)).result).toBeDefined()
    expect((await call(host)).result).toBeDefined()
    expect([stage.tabs(), refreshes()]).toEqual([2, 0])
  },
)

test.each([302, 303, 307])(
  'a %i to the login page for an expired token leads to a refresh, and is not followed',
  async (status) => {
    let isOver = false
    await startServer((_, token) =>
      token === 'token-2' && isOver ? { status, headers: { location: `${stage.issuer.origin}/login` } } : undefined,
    )
    const host = stage.host()
    expect(await host.isMet()).toBe(true)
    isOver = true
    expect((await call(host)).result).toBeDefined()
    expect([stage.tabs(), refreshes()]).toEqual([1, 1])
    expect(stage.issuer.requests.filter(({ path }) => path === '/login')).toEqual([])
  },
)

test('a login page that stays is an error with its address, and costs one refresh', async () => {
  let isOver = false
  await startServer((_, token) =>
    token !== undefined && isOver ? { status: 302, headers: { location: `${stage.issuer.origin}/login` } } : undefined,
  )
  const host = stage.host()
  expect(await host.isMet()).toBe(true)
  isOver = true
  for (let time = 0; time < 3; time++) expect((await call(host)).error.data.code).toBe('redirect_refused')
  expect([stage.tabs(), refreshes()]).toEqual([1, 1])
})

test.each([
  ['400', { status: 400, headers: { 'www-authenticate': 'Bearer error="invalid_token"' } }],
  [
    '403',
    { status: 403, headers: { 'www-authenticate': 'Bearer error="invalid_token", error_description="expired"' } },
  ],
  ['403 in the body', { status: 403, json: { error: 'invalid_token' } }],
] satisfies (readonly [string, Answer])[])('invalid_token with %s is a refused token', async (_, refusal) => {
  let isOver = false
  await startServer((_seen, token) => (token === 'token-2' && isOver ? refusal : undefined))
  const host = stage.host()
  expect(await host.isMet()).toBe(true)
  isOver = true
  expect((await call(host)).result).toBeDefined()
  expect([stage.tabs(), refreshes()]).toEqual([1, 1])
})

test.each([401, 403])(
  'a standing stream that is refused with %i costs at most one refresh, and calls go on',
  async (status) => {
    await startServer(({ method }, token) => (method === 'GET' && token !== undefined ? { status } : undefined))
    const host = stage.host()
    expect(await host.isMet()).toBe(true)
    await until('the stream was asked for', () => mcp(({ method }) => method === 'GET').length > 0)
    for (let time = 0; time < 5; time++) expect((await call(host)).result).toBeDefined()
    await host.close()
    expect(mcp(({ method }) => method === 'GET').length).toBeLessThanOrEqual(3)
    expect(refreshes()).toBeLessThanOrEqual(1)
    expect(stage.tabs()).toBe(1)
    const { accounts } = JSON.parse((await stage.plainCommand('status', '--json')).stdout)
    expect(accounts[0]).toMatchObject({ state: 'signed_in', last_error: null })
  },
)
