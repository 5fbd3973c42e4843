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
    ['400 “Invalid client_id”', () => respond(400, {}, 'Invalid client_id')],
    ['400 “Unknown client_id” in JSON', () => json({ error: 'x', error_description: 'Unknown client_id' }, 400)],
    ['500 of its own', () => json({ message: 'Invalid client ID' }, 500)],
    ['404 in JSON', () => json({ error: 'client_not_found' }, 404)],
    ['410', () => respond(410, {}, 'This OAuth application was deleted')],
    ['401 page', () => respond(401, {}, '<p>The requested OAuth 2.0 Client does not exist.</p>')],
    ['400 that is not a sentence', () => respond(400, {}, 'unrecognized_client_id')],
    [
      '400 of Entra',
      () => respond(400, {}, "AADSTS700016: Application with identifier 'x' was not found in the directory"),
    ],
    ['400 of Google', () => respond(400, {}, 'Error 401: invalid_client The OAuth client was not found.')],
    ['400 of Keycloak', () => respond(400, {}, '<p id="kc">Client not found.</p>')],
    ['400 of Okta', () => json({ errorSummary: "Invalid value for 'client_id' parameter. No such client." }, 400)],
    ['200 of a program', () => json({ error: 'invalid_client', error_description: 'client not found' })],
    ['200 page', () => respond(200, {}, '<html><title>Error</title><h1>Invalid client_id</h1></html>')],
    ['200 page with a script', () => respond(200, {}, `<script>${'x'.repeat(9_000)}</script><p>Unknown client</p>`)],
    ['redirect to its error page', () => respond(302, { location: '/error?error=invalid_client' })],
    ['redirect with a message', () => respond(303, { location: '/oops?message=Client+is+not+registered' })],
    ['redirect with a fragment', () => respond(302, { location: `${REDIRECT}#error=invalid_client` })],
    ['redirect by 307', () => respond(307, { location: 'https://x.example/e?error_description=unknown%20client' })],
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
    ['a gateway', () => respond(502, {}, 'unknown client')],
    ['a limit', () => respond(429, {}, 'Too many requests of an unknown client')],
    ['a login page in a script', () => respond(200, {}, '<script>t={e:"Invalid client"}</script><p>Loading…</p>')],
    ['a login page with a comment', () => respond(200, {}, '<!-- unknown client --><p>Welcome</p>')],
    ['a button', () => respond(200, {}, '<button>Sign in</button><p>Client not found?</p>')],
    ['a long page', () => respond(200, {}, `<p>${'Terms of use. '.repeat(200)} Unknown client.</p>`)],
    ['a wish for a certificate', () => respond(400, {}, 'The client certificate was not found')],
    ['a version', () => respond(400, {}, 'Invalid client version')],
    ['a redirect URI that does not match', () => respond(400, {}, 'redirect_uri is not registered')],
    ['a scope', () => json({ error: 'invalid_scope', error_description: 'The scope is unknown' }, 400)],
    ['a redirect whose return address has our words', () => respond(302, { location: '/login?next=unknown+client' })],
    ['a redirect for a person', () => respond(302, { location: `${REDIRECT}?error=login_required` })],
    ['JSON for a person', () => json({ url: '/login', title: 'Sign in' })],
    ['nothing', () => Promise.reject(new BridgeError('server_timeout'))],
  ])('if the server answers with %s', async (_, site) => {
    expect((await ask(site)).forgotten).toBe(false)
  })
})

test.each([
  ['that never end', '<'.repeat(64 * 1024)],
  ['that begin in one another', `<p ${'<a '.repeat(20_000)}`],
  ['of scripts without an end', '<script>'.repeat(8_000)],
  ['of comments without an end', '<!--'.repeat(16_000)],
])('a page of tags %s holds nothing up', async (_, page) => {
  const started = performance.now()
  expect((await ask(() => respond(200, {}, page))).forgotten).toBe(false)
  // With a pattern that looks at every character for each tag, several seconds.
  expect(performance.now() - started).toBeLessThan(1_000)
})

test('the probe asks as a browser does, follows no redirect, has its own state and challenge, and neither sends nor keeps a cookie', async () => {
  const { http } = await ask(() => respond(200))
  const [request, ...more] = http.requests
  expect(more).toEqual([])
  expect(request).toMatchObject({
    method: 'GET',
    redirect: 'manual',
    cookies: 'none',
  })
  expect(request?.headers.accept).toMatch(/^text\/html,/)
  expect(Object.keys(request?.headers ?? {})).toEqual(['accept'])
  expect(request).toMatchObject({})
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
