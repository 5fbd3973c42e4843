// What providers say beside the OAuth error code, and what it means.
import { expect, test } from 'vitest'
import { meaningOf } from '../../../../src/auth/oauth/providerErrors.ts'

test.each([
  [50011, 'redirect_uri_mismatch'],
  [65001, 'consent_required'],
  [901002, 'invalid_target'],
  [9010010, 'invalid_target'],
  [501481, 'pkce_failed'],
  [700016, 'invalid_client'],
  [7000215, 'invalid_client'],
  [7000222, 'invalid_client'],
])('Entra’s error %i is %s, by its number and by the start of its description', (number, code) => {
  const error = 'invalid_request'
  expect(meaningOf({ error, description: undefined, numbers: [number] })?.code).toBe(code)
  expect(meaningOf({ error, description: `AADSTS${number}: Words.`, numbers: [] })?.code).toBe(code)
})

test.each(['See AADSTS50011: elsewhere.', 'AADSTS500119: another', 'AADSTS', 'aadsts50011: small', undefined])(
  'a description like %j has no Entra error number',
  (description) => {
    expect(meaningOf({ error: 'invalid_request', description, numbers: ['50011x', null] })).toBeUndefined()
  },
)

test.each([
  ['invalid_grant', 'code_verifier does not match code_challenge', 'pkce_failed'],
  ['invalid_grant', 'Invalid code verifier.', 'pkce_failed'],
  ['invalid_grant', 'PKCE verification failed', 'pkce_failed'],
  ['invalid_request', 'PKCE is required for this client', 'pkce_failed'],
  ['invalid_request', "code_challenge_method 'plain' is not supported", 'pkce_unsupported'],
  ['invalid_request', 'transform algorithm not supported', 'pkce_unsupported'],
  ['invalid_grant', 'The code has expired', undefined],
  ['invalid_request', 'Missing parameter: scope', undefined],
  ['access_denied', 'No PKCE for you', undefined],
])('%s with %j means %s', (error, description, code) => {
  expect(meaningOf({ error, description, numbers: [] })?.code).toBe(code)
})

test.each([
  ['org_internal', 'access_denied', 'External'],
  ['admin_policy_enforced', 'access_denied', 'administrator'],
  ['application_suspended', 'invalid_client', 'suspended'],
  ['incorrect_client_credentials', 'invalid_client', 'client_secret'],
  ['unverified_user_email', 'access_denied', 'Verify'],
])('%s of Google or GitHub is %s, with its own remedy', (error, code, hint) => {
  expect(meaningOf({ error, description: undefined, numbers: [] })).toEqual({
    code,
    hint: expect.stringContaining(hint),
  })
})

test.each([
  'Access Not Configured. The API is not enabled for your project',
  'accessNotConfigured',
  'People API has not been used in project 1 before or it is disabled. Enable it by visiting https://…',
])('an API of Google that is off is access_not_configured: %s', (description) => {
  expect(meaningOf({ error: 'PERMISSION_DENIED', description, numbers: [] })?.code).toBe('access_not_configured')
})
