// Threat: a client with a stolen code, token or session id, and a refresh that is asked again; two replicas on one database.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { freePort } from '../../servers/freePort.ts'
import {
  closePostgres,
  type GatewayStage,
  registerClient,
  startGatewayStage,
  tokenAt,
} from '../../servers/gatewayStage.ts'
import { startMcpServer } from '../../servers/mcpServer.ts'
import { whyNoPostgres } from '../../servers/postgres.ts'

afterAll(closePostgres)

const REDIRECT = 'http://127.0.0.1:33418/callback'
const PING = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'ping' })

describe.skipIf(whyNoPostgres() !== undefined)('on two replicas', () => {
  let server: Awaited<ReturnType<typeof startMcpServer>>
  let stage: GatewayStage
  /** Another replica of the same database and public URL. */
  let other: string
  const at = (name: string) => `${stage.origin}/mcp/${name}`

  beforeAll(async () => {
    server = await startMcpServer()
    const servers = { a: { url: `${server.origin}/a` }, b: { url: `${server.origin}/b` } }
    const config = { mcp_server_url: undefined, servers }
    stage = await startGatewayStage({ engine: 'postgres', target: server.url, config })
    const listen = `127.0.0.1:${await freePort()}`
    stage.configure({ serve: { access: 'everyone', listen } })
    await stage.serve()
    other = `http://${listen}`
  })
  afterAll(async () => {
    await stage.close()
    await server.close()
  })

  const call = async (url: string, bearer: string, headers: Record<string, string> = {}) =>
    fetch(url, {
      ...{ method: 'POST', body: PING },
      headers: { authorization: `Bearer ${bearer}`, 'content-type': 'application/json', ...headers },
    })
  const signIn = () => stage.signIn({ resource: at('a') })
  const refreshed = ({ refresh_token, clientId }: { refresh_token?: string; clientId: string }) => ({
    ...{ grant_type: 'refresh_token', refresh_token: refresh_token ?? '', client_id: clientId },
  })

  test.each([
    ['a wrong verifier', { code_verifier: 'wrong-verifier-wrong-verifier-wrong-verifier-1' }],
    ['no verifier', { code_verifier: '' }],
    ['another redirect URI', { redirect_uri: 'http://127.0.0.1:33418/other' }],
    ['another server', { resource: 'b' }],
  ])('a code with %s is refused, and dead', async (_what, change: Record<string, string>) => {
    const browsed = await stage.code({ resource: at('a') })
    const changed = { ...browsed, ...change, ...(change.resource && { resource: at(change.resource) }) }
    expect(await tokenAt(stage.origin, changed)).toMatchObject({ status: 400 })
    expect(await tokenAt(other, browsed)).toMatchObject({ status: 400, body: { error: 'invalid_grant' } })
  })

  test('a code is of no use to another client, and used twice ends what it gave at every replica', async () => {
    const stranger = await registerClient(stage.origin, REDIRECT)
    const stolen = await stage.code({ resource: at('a') })
    expect(await tokenAt(other, { ...stolen, client_id: stranger })).toMatchObject({ status: 400 })
    const tokens = await signIn()
    expect((await call(at('a'), tokens.access_token ?? '')).status).toBe(200)
    expect(await tokenAt(other, tokens.asked)).toMatchObject({ status: 400, body: { error: 'invalid_grant' } })
    expect(await tokenAt(stage.origin, refreshed(tokens))).toMatchObject({ status: 400 })
    // The other replica has never seen the token.
    expect((await call(`${other}/mcp/a`, tokens.access_token ?? '')).status).toBe(401)
  })

  test.each([
    ['plain', { code_challenge_method: 'plain' }],
    ['no challenge', { code_challenge: '', code_challenge_method: '' }],
    ['a token instead of a code', { response_type: 'token' }],
  ])('a request to /authorize with %s is refused before anybody is asked', async (_what, change) => {
    const query = new URLSearchParams({
      ...{ response_type: 'code', client_id: await registerClient(stage.origin, REDIRECT), redirect_uri: REDIRECT },
      ...{ state: 'mine', resource: at('a'), code_challenge: 'a'.repeat(43), code_challenge_method: 'S256' },
      ...change,
    })
    for (const [name, value] of [...query]) if (value === '') query.delete(name)
    const answer = await fetch(`${stage.origin}/authorize?${query}`, { redirect: 'manual' })
    const back = new URL(answer.headers.get('location') ?? '')
    expect(`${back.origin}${back.pathname}`).toBe(REDIRECT)
    expect(Object.fromEntries(new URLSearchParams(back.search || back.hash.slice(1)))).toMatchObject({
      ...{
        error: expect.stringMatching(/invalid_request|unsupported_response_type/),
        state: 'mine',
        iss: stage.origin,
      },
    })
  })

  test('a token of one server, a provider’s token, an assertion, a code and a refresh token are no bearer here', async () => {
    const providers: string[] = []
    stage.provider.provider.once('grant.success', (ctx) => {
      const { access_token, id_token } = ctx.body as Record<string, string>
      providers.push(access_token ?? '', id_token ?? '')
    })
    const tokens = await signIn()
    expect((await call(at('a'), tokens.access_token ?? '')).status).toBe(200)
    const assertion = String(server.seen.at(-1)?.headers.authorization).replace('Bearer ', '')
    expect(providers).toHaveLength(2)
    const strange = [...providers, assertion, tokens.refresh_token ?? '', tokens.asked.code]
    for (const bearer of strange) expect((await call(at('a'), bearer)).status).toBe(401)
    for (const url of [at('b'), `${other}/mcp/b`]) {
      const answer = await call(url, tokens.access_token ?? '')
      expect([answer.status, answer.headers.get('www-authenticate')]).toEqual([
        401,
        expect.stringContaining('error="invalid_token"'),
      ])
    }
  })

  test('a session id of another person is a lost session, and its owner’s is open at every replica', async () => {
    const [alice, mallory] = [await signIn(), await signInAs('mallory')]
    const opened = await fetch(at('a'), {
      ...{ method: 'POST', body: PING.replace('ping', 'initialize') },
      headers: { authorization: `Bearer ${alice.access_token}`, 'content-type': 'application/json' },
    })
    const session = { 'mcp-session-id': opened.headers.get('mcp-session-id') ?? '' }
    expect(session['mcp-session-id']).not.toMatch(/^session-/)
    expect((await call(`${other}/mcp/a`, alice.access_token ?? '', session)).status).toBe(200)
    expect(server.seen.at(-1)?.headers['mcp-session-id']).toMatch(/^session-/)
    expect((await call(at('a'), mallory.access_token ?? '', session)).status).toBe(404)
  })

  async function signInAs(account: string) {
    stage.provider.state.accountId = account
    try {
      return await signIn()
    } finally {
      stage.provider.state.accountId = 'alice'
    }
  }

  test('four refreshes at once give one pair, and an answer that never arrived is given again', async () => {
    const tokens = await signIn()
    const form = refreshed(tokens)
    const answers = await Promise.all([stage.origin, other, stage.origin, other].map((one) => tokenAt(one, form)))
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200])
    expect(new Set(answers.map(({ body }) => `${body.access_token} ${body.refresh_token}`)).size).toBe(1)
    const [{ body }] = answers as [(typeof answers)[number]]
    expect((await call(`${other}/mcp/a`, body.access_token)).status).toBe(200)
    expect((await tokenAt(other, refreshed({ ...body, clientId: tokens.clientId }))).status).toBe(200)
  })

  test('a refresh token of another client, or for more than was given, is refused and stays good', async () => {
    const tokens = await signIn()
    const stranger = await registerClient(stage.origin, REDIRECT)
    for (const change of [{ client_id: stranger }, { scope: 'mcp admin' }, { resource: at('b') }]) {
      const answer = await tokenAt(other, { ...refreshed(tokens), ...change })
      expect([answer.status, answer.body.access_token]).toEqual([400, undefined])
    }
    expect((await tokenAt(other, refreshed(tokens))).status).toBe(200)
  })

  test('a replay after its successor was used ends the sign-in at both replicas', async () => {
    const tokens = await signIn()
    const second = await tokenAt(stage.origin, refreshed(tokens))
    const third = await tokenAt(other, refreshed({ ...second.body, clientId: tokens.clientId }))
    expect(third.status).toBe(200)
    expect(await tokenAt(other, refreshed(tokens))).toMatchObject({ status: 400, body: { error: 'invalid_grant' } })
    for (const one of [stage.origin, other])
      expect((await tokenAt(one, refreshed({ ...third.body, clientId: tokens.clientId }))).status).toBe(400)
    expect((await call(`${other}/mcp/a`, third.body.access_token)).status).toBe(401)
    expect((await call(at('a'), third.body.access_token)).status).toBe(401)
  })

  test('a refresh and the end of its sign-in at once leave no token that works', async () => {
    const tokens = await signIn()
    const end = fetch(`${other}/revoke`, {
      ...{
        method: 'POST',
        body: new URLSearchParams({ token: tokens.refresh_token ?? '', client_id: tokens.clientId }),
      },
    })
    const [refresh, ended] = await Promise.all([tokenAt(stage.origin, refreshed(tokens)), end])
    expect(ended.status).toBe(200)
    if (refresh.status === 200) expect((await call(at('a'), refresh.body.access_token)).status).toBe(401)
    else expect(refresh.body.error).toBe('invalid_grant')
  })
})
