// What others wrote, as a page shows it: no markup, nothing hidden, nothing without end.
import { describe, expect, test } from 'vitest'
import type { PendingAuthorization } from '../../../../src/gateway/ports.ts'
import { consentPage } from '../../../../src/gateway/signin/consentPage.ts'
import { shown, shownUri } from '../../../../src/gateway/signin/shown.ts'
import { aServer } from '../../../fakes/gatewaySignInWorld.ts'

test.each([
  ['<script>alert(1)</script>', '&#60;script&#62;alert(1)&#60;/script&#62;'],
  [`"'\`&`, '&#34;&#39;&#96;&#38;'],
  ['a\u202egnp.exe', 'a⟨U+202E⟩gnp.exe'],
  ['a\u0000b\nc\u2028d', 'a⟨U+0000⟩b⟨U+000A⟩c⟨U+2028⟩d'],
  ['Note\u200bbook\u3164\u00ad', 'Note⟨U+200B⟩book⟨U+3164⟩⟨U+00AD⟩'],
  ['e\u0301\u0302\u0303\u0304\u0305\u0306', 'e\u0301\u0302'],
  ['\ud800', '⟨U+D800⟩'],
  ['Ünïcode 名前', 'Ünïcode 名前'],
])('%j is shown as %s', (text, html) => {
  expect(shown(text)).toBe(html)
})

test('a long name is cut, by its letters', () => {
  expect(shown('😀'.repeat(500))).toBe(`${'😀'.repeat(100)}…`)
})

test('a redirect URI is shown whole, its host as it is looked up', () => {
  expect(shownUri(`https://app.example/${'a'.repeat(1_900)}`)).toContain('a'.repeat(1_900))
  expect(shownUri('https://аpple.com/cb')).toBe('https://xn--pple-43d.com/cb')
  expect(shownUri('http://127.0.0.1:4711/cb?x=1&y=2')).toBe('http://127.0.0.1:4711/cb?x=1&#38;y=2')
})

const page = (members: Partial<PendingAuthorization>, scopes: readonly string[] = []) =>
  consentPage({
    pending: {
      ...{ flow: 'flow', clientId: 'c', clientName: 'Notebook', documentHost: undefined, scope: 'mcp' },
      ...{
        redirectUri: 'https://app.example/cb',
        resource: 'https://mcp.example.com/mcp',
        server: aServer(),
        next: undefined,
      },
      ...members,
    },
    providers: [
      { name: 'google', scopes: ['openid', 'email'] },
      { name: 'corp', scopes },
    ],
    formToken: 'token',
  }).body

describe('the consent page', () => {
  test('names the client as it calls itself, the server, the whole redirect URI and the providers', () => {
    const html = page({ server: aServer({ name: 'work' }) })
    for (const text of ['Notebook', 'what the application calls itself', 'work', 'https://app.example/cb'])
      expect(html).toContain(text)
    for (const text of ['https://mcp.example.com/mcp', 'sign in with Google', 'sign in with corp', '>No<'])
      expect(html).toContain(text)
  })

  test.each([
    ['http://127.0.0.1:4711/cb', 'a program on this computer'],
    ['http://localhost/cb', 'a program on this computer'],
    ['http://[::1]:1/cb', 'a program on this computer'],
    ['https://localhost:8443/cb', 'a program on this computer'],
    ['cursor://anysphere.cursor-mcp/cb', 'a program that handles this kind of address'],
    ['com.example.app:/cb', 'a program that handles this kind of address'],
  ])('warns of %s', (redirectUri, words) => {
    expect(page({ redirectUri })).toContain(words)
  })

  test('warns of no web address, and not of one that only looks like loopback', () => {
    for (const redirectUri of [
      'https://app.example/cb',
      'https://localhost.example/cb',
      'https://127.0.0.1.example/cb',
    ])
      expect(page({ redirectUri })).not.toContain('class="warning"')
  })

  test('says which host serves a metadata document, and that nobody checked a registered client', () => {
    expect(page({ documentHost: 'client.example' })).toContain('Its metadata is at <code>client.example</code>')
    expect(page({})).toContain('Its identity is not verified')
  })

  test('says below each provider which scopes it is asked for, whole and escaped', () => {
    expect(page({})).toContain('Google is asked for the scopes <code>openid email</code>.</p>')
    expect(page({})).toContain('corp is asked for no scopes.</p>')
    const many = Array.from({ length: 30 }, (_, index) => `https://api.example/auth/${index}.readonly`)
    expect(page({}, [...many, '<b>"'])).toContain(`corp is asked for the scopes <code>${many.join(' ')} &#60;b&#62;`)
  })

  test('says that a server gets the person’s own token only where it does', () => {
    const words = 'The MCP server gets your own access token of Google'
    expect(page({ server: aServer({ bearer: 'user_token' }) })).toContain(words)
    for (const bearer of ['assertion', 'none'] as const)
      expect(page({ server: aServer({ bearer }) })).not.toContain('own access token')
  })

  test('has no markup of a client, and no empty name', () => {
    const html = page({ clientName: '"><img src=x>', redirectUri: 'https://app.example/"><img src=x>' })
    expect(html).not.toContain('<img')
    for (const clientName of [undefined, '', ' \t'])
      expect(page({ clientName })).toContain('An application without a name')
  })
})
