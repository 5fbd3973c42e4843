// Which exceptions the way to the authorization server needed.
import { expect, test } from 'vitest'
import { defaultEndpoints } from '../../../../src/auth/discovery/overrides.ts'
import type { ServerConfig } from '../../../../src/config/config.ts'
import { exceptionsUsed } from '../../../../src/doctor/checks/exceptions.ts'
import type { ProviderRules } from '../../../../src/providerRules.ts'

const URL_ = 'https://203.0.113.5/mcp'
const INSIDE = 'https://10.0.0.1'
const OUTSIDE = 'https://203.0.113.9'

const used = (issuer: string, allowed: string[], metadata = {}, rules: ProviderRules = {}) => {
  const server = { url: URL_, exceptions: { server: URL_, allow_private: allowed } } as unknown as ServerConfig
  const endpoints = { authorization_endpoint: `${issuer}/authorize`, token_endpoint: `${issuer}/token` }
  const found = { issuer, code_challenge_methods_supported: ['S256'], ...endpoints, ...metadata }
  return exceptionsUsed({ server, metadata: found, issuer, challenge: { status: 401 }, rules })
}

test('an origin of allow_private that would be refused is named', async () => {
  const [only, ...others] = await used(INSIDE, [INSIDE])
  expect(only).toMatchObject({ code: 'address_refused', text: expect.stringContaining(INSIDE) })
  expect(only?.text).toContain('allow_private')
  expect(others).toEqual([])
})

test.each([
  ['lies outside', OUTSIDE, [OUTSIDE]],
  ['is not on the way', OUTSIDE, [INSIDE]],
])('an origin of allow_private that %s is not', async (_, issuer, allowed) => {
  expect(await used(issuer, allowed)).toEqual([])
})

test('the default endpoints are distinguished from metadata', async () => {
  const origin = new URL(URL_).origin
  const server = { url: URL_, exceptions: { server: URL_ } } as unknown as ServerConfig
  const given = { server, metadata: defaultEndpoints(origin), issuer: origin, challenge: undefined, rules: {} }
  expect((await exceptionsUsed(given)).map(({ code }) => code)).toEqual(['discovery_failed'])
})

test('an issuer whose metadata names another issuer is reported with both spellings', async () => {
  const [only] = await used(OUTSIDE, [], { issuer: `${OUTSIDE}/` })
  expect(only).toMatchObject({ code: 'issuer_mismatch', text: expect.stringContaining(`"${OUTSIDE}/"`) })
})

test('a slash at the end of the issuer is not an exception where both spellings are one server, whatever the host of the provider', async () => {
  expect(await used(OUTSIDE, [], { issuer: `${OUTSIDE}/` }, { issuerForm: 'slash' })).toEqual([])
})
