// A refresh token that is dead by any name: the person is never stuck, and no command says that all is well.
import { afterEach, expect, test } from 'vitest'
import type { Answer } from '../servers/scriptedOrigin.ts'
import { startProtectedStage } from '../servers/scriptedStage.ts'

type Stage = Awaited<ReturnType<typeof startProtectedStage>>

let stage: Stage
afterEach(() => stage?.close())

const call = (host: ReturnType<Stage['host']>) => host.request('tools/call', { name: 'x', arguments: {} })
const account = async () => JSON.parse((await stage.plainCommand('status', '--json')).stdout).accounts[0]
const url = () => `${stage.server.origin}/mcp`
const requests = (path: string) => stage.issuer.requests.filter((seen) => seen.path === path)
const refreshes = () => requests('/token').filter(({ body }) => body.includes('grant_type=refresh_token')).length

/** A host that has signed in; from now on the server refuses the token, and the refresh gets `refusal`. */
async function startSignedIn(refusal: Answer) {
  stage = await startProtectedStage()
  const host = stage.host()
  expect(await host.isMet()).toBe(true)
  const redeem = stage.issuer.routes['/token']
  stage.issuer.routes['/token'] = (seen) =>
    seen.body.includes('grant_type=refresh_token') ? refusal : (redeem?.(seen) ?? {})
  stage.state.accepts = (token) => token !== 'token-2'
  return host
}

const REFUSALS: readonly (readonly [string, Answer])[] = [
  [
    '400 invalid_request',
    { status: 400, json: { error: 'invalid_request', error_description: 'refresh_token is invalid' } },
  ],
  ['401 invalid_refresh_token', { status: 401, json: { error: 'invalid_refresh_token' } }],
  ['403 unauthorized_client', { status: 403, json: { error: 'unauthorized_client' } }],
  ['400 unsupported_grant_type', { status: 400, json: { error: 'unsupported_grant_type' } }],
  ['200 with an error', { json: { error: 'bad_refresh_token' } }],
  ['400 with JSON that has no OAuth member', { status: 400, json: { message: 'Session not found' } }],
  ['401 with plain text', { status: 401, text: 'refresh token expired' }],
  ['404', { status: 404 }],
]

test.each(REFUSALS)('%s: the call signs in once, with the client that is registered', async (_, refusal) => {
  const host = await startSignedIn(refusal)
  expect((await call(host)).result).toBeDefined()
  expect([stage.tabs(), refreshes(), requests('/register').length]).toEqual([2, 1, 1])
  expect(await account()).toMatchObject({ state: 'signed_in', refreshable: true, last_error: null })
})

test.each(REFUSALS.slice(0, 3))(
  '%s: status, refresh, doctor and login say so, and login signs in',
  async (_, refusal) => {
    const host = await startSignedIn(refusal)
    await host.close()
    expect((await stage.host().failure()).data.code).toBe('not_signed_in')
    expect(stage.tabs()).toBe(1)

    expect(await account()).toMatchObject({ state: 'expired', refreshable: false })
    const status = (await stage.plainCommand('status')).stdout
    expect(status).toContain('The refresh token was refused.')
    expect(status).toContain(` login ${url()}`)
    const refresh = await stage.command('refresh', url())
    expect(refresh.code).toBe(3)
    expect(refresh.stderr).toContain('The refresh token was refused.')
    const doctor = await stage.command('doctor', url(), '--json')
    expect(JSON.parse(doctor.stdout).likely_cause).toMatchObject({ name: 'token', code: 'token_expired' })

    const login = await stage.command('login', url())
    expect(login.stderr).toContain('Signed in to')
    expect(await stage.host().isMet()).toBe(true)
    expect(await account()).toMatchObject({ state: 'signed_in', last_error: null })
  },
)

test.each([
  ['503', { status: 503 }],
  ['429', { status: 429, headers: { 'retry-after': '3600' } }],
  ['408', { status: 408 }],
  ['425', { status: 425 }],
  ['400 temporarily_unavailable', { status: 400, json: { error: 'temporarily_unavailable' } }],
  ['403 with Retry-After', { status: 403, headers: { 'retry-after': '3600' }, text: 'no' }],
] satisfies (readonly [string, Answer])[])('%s opens no tab, and the tokens stay good', async (_, refusal) => {
  const host = await startSignedIn(refusal)
  expect((await call(host)).error.data.code).toBe('authorization_server_error')
  expect(stage.tabs()).toBe(1)
  expect(await account()).toMatchObject({ state: 'signed_in', refreshable: true, last_error: null })
})
