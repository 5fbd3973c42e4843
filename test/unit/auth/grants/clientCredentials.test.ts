// Tokens of this program itself: what is asked for again when the last ones end.
import { expect, test } from 'vitest'
import { createClients } from '../../../../src/auth/client/clients.ts'
import { createClientCredentials } from '../../../../src/auth/grants/clientCredentials.ts'
import { createFakeCache, createFakeClientStore } from '../../../fakes/fakeCache.ts'
import { createHurryingClock } from '../../../fakes/fakeClock.ts'
import { createFakeHttp, json } from '../../../fakes/fakeHttp.ts'
import { createFakeLeases } from '../../../fakes/fakeLeases.ts'
import { createFakeLogger } from '../../../fakes/fakeLogger.ts'

const SERVER = new URL('https://mcp.example/mcp')
const ISSUER = 'https://as.example'

test('the originally requested scopes are requested again, not the fewer ones that were granted', async () => {
  const http = createFakeHttp({
    'https://mcp.example/.well-known/oauth-protected-resource/mcp': () =>
      json({ resource: SERVER.href, authorization_servers: [ISSUER] }),
    [`${ISSUER}/.well-known/oauth-authorization-server`]: () =>
      json({
        ...{ issuer: ISSUER, authorization_endpoint: `${ISSUER}/authorize`, token_endpoint: `${ISSUER}/token` },
        code_challenge_methods_supported: ['S256'],
      }),
    [`${ISSUER}/token`]: () => json({ access_token: 'a', token_type: 'bearer', scope: 'read' }),
  })
  const clock = createHurryingClock()
  const rules = () => ({})
  const clients = createClients({
    ...{ http, clients: createFakeClientStore(), cache: createFakeCache(), leases: createFakeLeases(), clock, rules },
    ...{ allowHttp: false, timeoutMs: 1_000, configured: { clientId: 'robot', clientSecret: 's' }, issuer: ISSUER },
  })
  const ask = createClientCredentials({
    ...{ http, clients, clock, log: createFakeLogger(), rules, server: SERVER, serverHeaders: {}, allowHttp: false },
    ...{ issuer: undefined, scopes: undefined, resource: undefined, claims: [], audience: undefined },
    ...{ bearer: 'access_token' as const, redirectUri: 'http://localhost:8080/auth/callback' },
  })
  const first = await ask(undefined, { status: 403, scope: 'read write' })
  expect(first).toMatchObject({ scope: 'read', requestedScope: 'read write' })
  expect(await ask(first, undefined)).toMatchObject({ scope: 'read', requestedScope: 'read write' })
  const asked = http.requests.filter(({ url }) => url.pathname === '/token')
  expect(asked.map(({ body }) => new URLSearchParams(String(body)).get('scope'))).toEqual(['read write', 'read write'])
})
