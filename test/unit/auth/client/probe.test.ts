// Whether a server has forgotten a client: only its own words count, and asking changes nothing.
import { describe, expect, test } from 'vitest'
import { isUnknownClient } from '../../../../src/auth/client/probe.ts'
import { BridgeError } from '../../../../src/errors.ts'
import { createFakeHttp, json, respond, type Site } from '../../../fakes/fakeHttp.ts'

const METADATA = {
  issuer: 'https://as.example',
  authorization_endpoint: 'https://as.example/authorize?tenant=1',
  token_endpoint: 'https://as.example/token',
}
const REDIRECT = 'http://localhost:8080/auth/callback'
const PROBE = { metadata: METADATA, clientId: 'mine', redirectUri: REDIRECT, parameters: { scope: 'a' } }

async function ask(site: Site) {
  const http = createFakeHttp({ 'https://as.example/authorize': site })
  return { forgotten: await isUnknownClient(http, PROBE), http }
}

describe('a client counts as forgotten', () => {
  test.each([
    ['OAuth error in JSON', () => json({ error: 'invalid_client' }, 400)],
    ['401 in JSON', () => json({ error: 'unauthorized_client' }, 401)],
    ['page', () => respond(400, {}, '<h1>Error</h1><p>Unknown client: mine</p>')],
    ['page with other words', () => respond(404, {}, 'The client with id mine was not found')],
    ['body that is no OAuth', () => json({ detail: 'Client is not registered' }, 422)],
    ['redirect', () => respond(302, { location: `${REDIRECT}?error=unauthorized_client` })],
  ])('if the server says so in a %s', async (_, site) => {
    expect((await ask(site)).forgotten).toBe(true)
  })
})

describe('a client counts as known', () => {
  test.each([
    ['a login page', () => respond(200, {}, '<form>unknown client</form>')],
    ['a redirect to a login page', () => respond(302, { location: '/login' })],
    ['a code at once', () => respond(302, { location: `${REDIRECT}?code=x` })],
    ['another error', () => json({ error: 'invalid_scope' }, 400)],
    ['an error of its own', () => respond(503, {}, 'invalid_client')],
    ['a bot check', () => respond(403, {}, 'Checking your browser')],
    ['nothing', () => Promise.reject(new BridgeError('server_timeout'))],
  ])('if the server answers with %s', async (_, site) => {
    expect((await ask(site)).forgotten).toBe(false)
  })
})

test('the probe follows no redirect, has its own state and challenge, and sends no cookie', async () => {
  const { http } = await ask(() => respond(200))
  const [request, ...more] = http.requests
  expect(more).toEqual([])
  expect(request).toMatchObject({
    method: 'GET',
    redirect: 'manual',
    headers: { accept: 'text/html, application/json' },
  })
  const sent = Object.fromEntries(request?.url.searchParams ?? [])
  expect(sent).toMatchObject({
    tenant: '1',
    response_type: 'code',
    client_id: 'mine',
    redirect_uri: REDIRECT,
    scope: 'a',
  })
  const again = Object.fromEntries((await ask(() => respond(200))).http.requests[0]?.url.searchParams ?? [])
  expect(again.state).not.toBe(sent.state)
  expect(again.code_challenge).not.toBe(sent.code_challenge)
})
