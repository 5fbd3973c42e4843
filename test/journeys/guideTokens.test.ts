// The guide's issues with tokens: expired, revoked, wrongly signed, malformed; named by doctor and by the command in question.
import { join } from 'node:path'
import BetterSqlite3 from 'better-sqlite3'
import { exportJWK, generateKeyPair } from 'jose'
import { afterEach, expect, test } from 'vitest'
import { startStage } from '../servers/stage.ts'

let stage: Awaited<ReturnType<typeof startStage>>
afterEach(() => stage?.close())

const here = () => ['--callback-url', stage.callbackUrl]
const login = (...more: string[]) => stage.command(['login', stage.server.url, ...here(), ...more])

function sql(statement: string): void {
  const database = new BetterSqlite3(join(stage.environment.MCP_OAUTH_BRIDGE_HOME, 'oauth.db'))
  database.exec(statement)
  database.close()
}

const EXPIRE = "UPDATE tokens SET expires_at = '2020-01-01 00:00:00'"

test('Issue: "Token expired" errors: a refused refresh is named token_expired by refresh and by doctor', async () => {
  stage = await startStage()
  await login()
  await stage.authorization.revokeGrants()
  const refreshed = await stage.command(['refresh', stage.server.url, ...here()])
  expect(refreshed.code).toBe(3)
  expect(refreshed.stderr).toContain('token_expired')
  const { code, found } = await stage.doctor()
  expect(code).toBe(3)
  expect(found('token')).toMatchObject({
    status: 'fail',
    code: 'token_expired',
    remedy: expect.stringContaining('login'),
  })
  expect(found('token').detail).toContain('refused the refresh token')
})

test('Issue: "Token expired" errors: an expired token without a refresh token is named refresh_token_missing', async () => {
  stage = await startStage({ settings: { issueRefreshToken: async () => false } })
  await login()
  expect((await stage.doctor()).found('refresh')).toMatchObject({ status: 'warn', code: 'refresh_token_missing' })
  sql(EXPIRE)
  const { code, report, found } = await stage.doctor()
  expect(code).toBe(3)
  expect(report.causes).toEqual(['token', 'refresh'])
  expect(found('token')).toMatchObject({ code: 'token_expired' })
  expect(found('refresh')).toMatchObject({ code: 'refresh_token_missing' })
  expect(found('refresh').remedy).toContain('offline_access')
})

test('an expired token that can be refreshed is not a failure, and doctor does not refresh it', async () => {
  stage = await startStage()
  await login()
  sql(EXPIRE)
  const { code, found } = await stage.doctor()
  expect(code).toBe(0)
  expect(found('token')).toMatchObject({ status: 'pass', detail: expect.stringContaining('expired') })
  expect(found('mcp_handshake')).toMatchObject({ status: 'skip', detail: expect.stringContaining('refresh') })
  expect(stage.authorization.counts.refreshGrants).toBe(0)
})

test('a refresh token whose client is no longer known is invalid_client', async () => {
  stage = await startStage()
  await login()
  sql('DELETE FROM clients')
  const { code, report } = await stage.doctor()
  expect(code).toBe(3)
  expect(report.likely_cause).toMatchObject({ name: 'refresh', code: 'invalid_client' })
})

test('a token that the server has revoked is unauthorized, and the remedy is to sign in again', async () => {
  stage = await startStage()
  await login()
  expect((await stage.doctor()).found('mcp_handshake').status).toBe('pass')
  stage.server.rejectTokens()
  const { code, report } = await stage.doctor()
  expect(code).toBe(3)
  expect(report.likely_cause).toMatchObject({ name: 'mcp_handshake', code: 'unauthorized' })
  expect(report.likely_cause.remedy).toContain(`mcp-oauth-bridge login ${stage.server.url} --force`)
})

test('Issue: "Invalid token signature": doctor checks a JWT against the published keys', async () => {
  stage = await startStage()
  await login()
  expect((await stage.doctor()).found('token')).toMatchObject({ status: 'pass' })
  const { publicKey } = await generateKeyPair('RS256', { extractable: true })
  const other = { ...(await exportJWK(publicKey)), use: 'sig', alg: 'RS256', kid: 'other' }
  stage.authorization.state.documents['/jwks'] = { keys: [other] }
  const { code, report } = await stage.doctor()
  expect(code).toBe(3)
  expect(report.likely_cause).toMatchObject({ name: 'token', code: 'invalid_signature' })
  expect(report.likely_cause.detail).toContain('Invalid token signature')
  expect(report.likely_cause.remedy).toContain('issuer')
})

test('Issue: "Invalid token signature": a clock that is wrong is named clock_skew, with what sets it', async () => {
  stage = await startStage()
  stage.server.state.answerHeaders = { date: new Date(Date.now() + 15 * 60_000).toUTCString() }
  const { code, report } = await stage.doctor()
  expect(code).toBe(2)
  expect(report.likely_cause).toMatchObject({ name: 'clock', code: 'clock_skew' })
  expect(report.likely_cause.detail).toMatch(/\d{3} s behind/)
  expect(report.likely_cause.detail).toContain('invalid_signature')
  expect(report.likely_cause.remedy).toContain('timesyncd')
})

test('an issuer whose metadata names another issuer is issuer_mismatch', async () => {
  stage = await startStage()
  const path = '/.well-known/oauth-authorization-server'
  const own = (await (await fetch(stage.authorization.issuer + path)).json()) as Record<string, unknown>
  stage.authorization.state.documents[path] = { ...own, issuer: `${own.issuer}/` }
  const { code, report } = await stage.doctor()
  expect(code).toBe(3)
  expect(report.likely_cause).toMatchObject({ name: 'authorization_server_metadata', code: 'issuer_mismatch' })
  expect(report.likely_cause.detail).toContain(`"${own.issuer}/"`)
})

const answer = (token: string) => ({
  status: 200,
  headers: { 'content-type': 'application/json', 'cache-control': 'no-store' },
  body: JSON.stringify({ access_token: token, token_type: 'Bearer', expires_in: 3600 }),
})

test('Issue: "No refresh tokens from GitHub": a token without an expiry needs none, and doctor says so', async () => {
  stage = await startStage()
  stage.authorization.state.tokenFault = {
    ...{ status: 200, headers: { 'content-type': 'application/json' } },
    body: JSON.stringify({ access_token: 'gho_0123456789', token_type: 'bearer', scope: 'repo' }),
  }
  stage.server.state.knows.add('gho_0123456789')
  expect((await login('--scope', 'mcp:tools')).code).toBe(0)
  const { found } = await stage.doctor()
  expect(found('token')).toMatchObject({ status: 'pass', detail: expect.stringContaining('no known expiry') })
  expect(found('refresh')).toMatchObject({ status: 'pass', detail: expect.stringContaining('no refresh token') })
})

test('Issue: "Malformed token" errors: a token with a blank ends the sign-in as malformed_token', async () => {
  stage = await startStage()
  stage.authorization.state.tokenFault = answer('two words')
  const refused = await login('--scope', 'mcp:tools')
  expect(refused.code).toBe(3)
  expect(refused.stderr).toContain('malformed_token')
  expect(refused.stderr.replace(/\s+/g, ' ')).toContain(
    `The authorization server "${stage.authorization.issuer}" sent a token of 9 characters`,
  )
  expect(refused.stderr).toMatch(/^hint: \S/m)
})

test('Issue: "Malformed token" errors: the login says that the server refuses it, and doctor that it is truncated', async () => {
  stage = await startStage()
  stage.authorization.state.tokenFault = answer('eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJodHRw')
  const refused = await login('--scope', 'mcp:tools')
  expect(refused.code).toBe(3)
  expect(refused.stderr).toContain('refuses it (401)')
  const { code, report, text } = await stage.doctor()
  expect(code).toBe(3)
  expect(report.likely_cause).toMatchObject({ name: 'token', code: 'malformed_token' })
  expect(report.likely_cause.detail).toContain('truncated')
  expect(report.likely_cause.remedy).toContain(`mcp-oauth-bridge login ${stage.server.url} --force`)
  expect(text).not.toContain('eyJ')
})
