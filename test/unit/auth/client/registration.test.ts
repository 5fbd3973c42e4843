// Dynamic registration: what servers in the wild answer, and what is made of it.
import { describe, expect, test } from 'vitest'
import { registerClient } from '../../../../src/auth/client/registration.ts'
import { createFakeHttp, json, respond, type Site } from '../../../fakes/fakeHttp.ts'
import { codeOf } from '../../../fakes/thrown.ts'

const REDIRECT = 'http://localhost:8080/auth/callback'
const METADATA = {
  issuer: 'https://as.example',
  authorization_endpoint: 'https://as.example/authorize',
  token_endpoint: 'https://as.example/token',
  registration_endpoint: 'https://as.example/register',
}

const register = (answer: Site, more: object = {}) => {
  const http = createFakeHttp({ 'https://as.example/register': answer })
  return registerClient(http, { ...METADATA, ...more }, REDIRECT, 1_000)
}

describe('a registered client', () => {
  test('has a secret with its expiry, in ms', async () => {
    const body = { client_id: 'c', client_secret: 's', client_secret_expires_at: 1_900_000_000 }
    expect(await register(() => json({ ...body, token_endpoint_auth_method: 'client_secret_post' }, 201))).toEqual({
      clientId: 'c',
      clientSecret: 's',
      secretExpiresAt: 1_900_000_000_000,
      authMethod: 'client_secret_post',
    })
  })

  test.each([201, 200])('never expires if the server omits the expiry, and status %i is accepted', async (status) => {
    expect(await register(() => json({ client_id: 'c', client_secret: 's' }, status))).toEqual({
      clientId: 'c',
      clientSecret: 's',
      authMethod: 'client_secret_basic',
    })
  })

  test('sends its secret by a method that the server lists, if the answer names none', async () => {
    const methods = { token_endpoint_auth_methods_supported: ['client_secret_post'] }
    const client = await register(() => json({ client_id: 'c', client_secret: 's' }, 201), methods)
    expect(client.authMethod).toBe('client_secret_post')
  })

  test('without a secret is public', async () => {
    expect(await register(() => json({ client_id: 'c' }, 201))).toEqual({ clientId: 'c', authMethod: 'none' })
  })
})

test.each([
  ['a redirect URI it does not take', () => json({ error: 'invalid_redirect_uri' }, 400), 'redirect_uri_mismatch'],
  ['a web page', () => respond(403, { 'content-type': 'text/html' }, '<html>'), 'registration_failed'],
  ['a number', () => json(1, 201), 'registration_failed'],
  ['a client without a name', () => json({ client_secret: 's' }, 201), 'registration_failed'],
])('a server that answers with %s registers nobody', async (_, answer, code) => {
  expect(await codeOf(register(answer))).toBe(code)
})
