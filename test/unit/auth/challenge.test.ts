// WWW-Authenticate as servers really write it.
import { describe, expect, test } from 'vitest'
import { parseChallenge } from '../../../src/auth/challenge.ts'

const RM = 'https://mcp.example/.well-known/oauth-protected-resource'

const FORMS: readonly (readonly [title: string, header: string | string[] | undefined, expected: object])[] = [
  ['no header', undefined, {}],
  ['an empty header', '', {}],
  ['an empty array', [], {}],
  ['the scheme alone', 'Bearer', {}],
  ['the scheme with spaces', '  Bearer  ', {}],
  ['a realm alone', 'Bearer realm="mcp"', {}],
  ['resource metadata', `Bearer resource_metadata="${RM}"`, { resourceMetadata: RM }],
  ['no quotes', `Bearer resource_metadata=${RM}`, { resourceMetadata: RM }],
  ['a lower-case scheme', `bearer resource_metadata="${RM}"`, { resourceMetadata: RM }],
  [
    'an upper-case scheme and names',
    `BEARER Resource_Metadata="${RM}", ERROR="invalid_token"`,
    { resourceMetadata: RM, error: 'invalid_token' },
  ],
  ['DPoP', `DPoP algs="ES256", resource_metadata="${RM}"`, { resourceMetadata: RM, scheme: 'dpop' }],
  ['Bearer and DPoP', `Bearer scope="a", DPoP algs="ES256"`, { scope: 'a', scheme: 'dpop' }],
  [
    'all at once',
    `Bearer realm="x", error="insufficient_scope", error_description="need more", scope="a b", resource_metadata="${RM}"`,
    { error: 'insufficient_scope', scope: 'a b', resourceMetadata: RM },
  ],
  [
    'no spaces after commas',
    `Bearer realm="x",error="invalid_token",resource_metadata="${RM}"`,
    { error: 'invalid_token', resourceMetadata: RM },
  ],
  ['spaces around =', `Bearer error = "invalid_token" , scope = "a"`, { error: 'invalid_token', scope: 'a' }],
  ['tabs between', 'Bearer\terror="invalid_token",\tscope="a"', { error: 'invalid_token', scope: 'a' }],
  ['a quoted comma', 'Bearer realm="a, error=\\"no\\"", error="invalid_token"', { error: 'invalid_token' }],
  ['a quoted scheme', 'Bearer realm="Basic realm", scope="Bearer scope"', { scope: 'Bearer scope' }],
  ['escaped quotes', 'Bearer scope="a\\"b c\\\\d"', { scope: 'a"b c\\d' }],
  ['an empty scope', 'Bearer scope="", error="invalid_token"', { error: 'invalid_token' }],
  ['an empty error', 'Bearer error=""', { error: '' }],
  ['a comma at the end', `Bearer resource_metadata="${RM}",`, { resourceMetadata: RM }],
  ['empty list elements', 'Bearer error="invalid_token", , scope="a"', { error: 'invalid_token', scope: 'a' }],
  ['Basic before', `Basic realm="x, y", Bearer resource_metadata="${RM}"`, { resourceMetadata: RM }],
  ['Basic after', `Bearer resource_metadata="${RM}", Basic realm="x", charset="UTF-8"`, { resourceMetadata: RM }],
  ['another scheme’s error', 'Digest realm="x", error="stale", scope="no", Bearer scope="a"', { scope: 'a' }],
  ['another scheme alone', 'Basic realm="x", error="no"', {}],
  ['Negotiate without parameters before', `Negotiate, Bearer resource_metadata="${RM}"`, { resourceMetadata: RM }],
  ['Negotiate and NTLM before', `Negotiate, NTLM, Bearer resource_metadata="${RM}"`, { resourceMetadata: RM }],
  ['a token68 before', `Negotiate YIIabc123, Bearer resource_metadata="${RM}"`, { resourceMetadata: RM }],
  ['a token68 with one = before', `Negotiate YIIabc=, Bearer resource_metadata="${RM}"`, { resourceMetadata: RM }],
  ['a token68 with two = before', `Negotiate YIIabc==, Bearer resource_metadata="${RM}"`, { resourceMetadata: RM }],
  ['a token68 with + and / before', `NTLM TlRM/TVN+TUAA, Bearer resource_metadata="${RM}"`, { resourceMetadata: RM }],
  ['an unknown scheme after', `Bearer error="invalid_token", Fancy x=1, y="2"`, { error: 'invalid_token' }],
  ['an array of headers', ['Basic realm="x"', `Bearer resource_metadata="${RM}"`], { resourceMetadata: RM }],
  [
    'an array with Bearer twice',
    ['Bearer error="invalid_token"', 'Bearer scope="a"'],
    { error: 'invalid_token', scope: 'a' },
  ],
  [
    'Bearer twice in one header',
    'Bearer error="invalid_token", Bearer scope="a"',
    { error: 'invalid_token', scope: 'a' },
  ],
  [
    'parameters nobody knows',
    `Bearer authorization_uri="https://x/", resource="y", error="invalid_token"`,
    { error: 'invalid_token' },
  ],
  ['a parameter named as a prototype', 'Bearer __proto__="x", constructor="y", scope="a"', { scope: 'a' }],
  ['parameters without a scheme', `error="invalid_token", scope="a"`, {}],
  ['an open quote', 'Bearer scope="a b', {}],
  ['noise', '%%% ??? ,,, ===', {}],
]

describe('a challenge', () => {
  test.each(FORMS)('with %s is read', (_, header, expected) => {
    expect(parseChallenge(401, header)).toEqual({ status: 401, ...expected })
  })

  test('keeps the status', () => {
    expect(parseChallenge(403, 'Bearer error="insufficient_scope"').status).toBe(403)
  })

  test.each(['Bearer ', 'Bearer a="', 'Bearer a=', ' ,', '"', '\\"', 'a '])(
    'of 64 kB that repeats %j is read to its end',
    (part) => {
      expect(parseChallenge(401, part.repeat(Math.ceil(65_536 / part.length))).status).toBe(401)
    },
  )
})
