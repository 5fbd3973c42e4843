// The metadata of the authorization server, and what real clients make of them.
import { createRequire } from 'node:module'
import { expect, test } from 'vitest'
import { served, startAuthorization } from '../../../fakes/authorizationStage.ts'

test('the metadata say what works, and nothing that is switched off', async () => {
  const stage = await startAuthorization()
  const P = stage.publicUrl
  const response = await fetch(`${P}/.well-known/oauth-authorization-server`)
  expect(response.headers.get('content-type')).toBe('application/json')
  expect(await response.json()).toEqual({
    issuer: P,
    authorization_endpoint: `${P}/authorize`,
    token_endpoint: `${P}/token`,
    registration_endpoint: `${P}/register`,
    revocation_endpoint: `${P}/revoke`,
    scopes_supported: ['mcp'],
    response_types_supported: ['code'],
    response_modes_supported: ['query'],
    grant_types_supported: ['authorization_code', 'refresh_token'],
    code_challenge_methods_supported: ['S256'],
    token_endpoint_auth_methods_supported: ['none', 'client_secret_basic', 'client_secret_post', 'private_key_jwt'],
    token_endpoint_auth_signing_alg_values_supported: ['ES256', 'RS256', 'PS256', 'Ed25519', 'EdDSA'],
    revocation_endpoint_auth_methods_supported: [
      'none',
      'client_secret_basic',
      'client_secret_post',
      'private_key_jwt',
    ],
    revocation_endpoint_auth_signing_alg_values_supported: ['ES256', 'RS256', 'PS256', 'Ed25519', 'EdDSA'],
    authorization_response_iss_parameter_supported: true,
    client_id_metadata_document_supported: true,
  })
})

test('what is off is not in the metadata', async () => {
  const stage = await startAuthorization({ clients: { registration: 'off', documents: false } })
  const document = await (await fetch(`${stage.publicUrl}/.well-known/oauth-authorization-server`)).json()
  expect(document).not.toHaveProperty('registration_endpoint')
  expect(document).not.toHaveProperty('client_id_metadata_document_supported')
})

test('they are found at each path where a client looks, with the same issuer, and at no other', async () => {
  const stage = await startAuthorization({ servers: [served('/mcp/work', 'work')] })
  for (const path of [
    '/.well-known/oauth-authorization-server',
    '/.well-known/openid-configuration',
    '/.well-known/oauth-authorization-server/mcp/work',
    '/.well-known/openid-configuration/mcp/work',
  ])
    expect(await (await fetch(`${stage.origin}${path}`)).json()).toMatchObject({ issuer: stage.publicUrl })
  for (const path of [
    '/.well-known/oauth-authorization-server/mcp',
    '/mcp/work/.well-known/openid-configuration',
    '/.well-known/openid-configuration/x',
    '/.well-known/other',
  ])
    expect((await fetch(`${stage.origin}${path}`)).status).toBe(404)
})

test('a client in a page gets tokens whatever its origin is: who may ask was decided before', async () => {
  const stage = await startAuthorization()
  const { clientId, refresh } = await stage.signIn()
  const form = { grant_type: 'refresh_token', client_id: clientId, refresh_token: refresh }
  const answer = await stage.post('/token', form, { origin: 'https://page.example' })
  expect(answer.status).toBe(200)
  expect(answer.headers.get('access-control-allow-origin')).not.toBe('https://page.example')
  expect(answer.headers.get('access-control-allow-credentials')).toBeNull()
  const revoked = await stage.post('/revoke', { client_id: clientId, token: refresh }, { origin: 'null' })
  expect(revoked.status).toBe(200)
})

test('the engine’s other endpoints do not exist', async () => {
  const stage = await startAuthorization()
  for (const path of [
    '/jwks',
    '/me',
    '/session/end',
    '/session/end/confirm',
    '/token/introspection',
    '/request',
    '/device',
    '/register/x',
  ])
    for (const method of ['GET', 'POST', 'DELETE'])
      expect((await fetch(`${stage.origin}${path}`, { method })).status).toBe(404)
})

test('the authorization server is built on the version of oidc-provider that its experimental part was read in', () => {
  const { version } = createRequire(import.meta.url)('oidc-provider/package.json') as { version: string }
  expect(version).toMatch(/^9\.13\./)
})
