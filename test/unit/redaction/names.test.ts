// Which texts are taken for secrets.
import { describe, expect, test } from 'vitest'
import { holdsSecret, isSecretHeader, isSecretUrl } from '../../../src/redaction/names.ts'

describe('a header', () => {
  test.each([
    ['X-Team', 'core'],
    ['Accept-Language', 'de-CH, de;q=0.9'],
    ['X-Author', 'nobody'],
    ['Authorization', `Bearer \${TOKEN}`],
    ['X-Api-Key', `\${KEY}`],
  ])('%s: %s is not a secret', (name, value) => {
    expect(isSecretHeader(name, value)).toBe(false)
  })

  test.each([
    ['Authorization', 'Bearer x'],
    ['X-Api-Key', 'short'],
    ['Cookie', 'a=b'],
    ['X-Team', 'sk1live2abcdefghij'],
    ['X-Api-Key', `\${KEY}-and-more`],
  ])('%s: %s is a secret', (name, value) => {
    expect(isSecretHeader(name, value)).toBe(true)
  })
})

describe('a URL', () => {
  test.each([
    'https://mcp.example.com/mcp',
    'https://mcp.example.com/v1/organisation/sse?team=core',
    'sqlite:oauth.db',
    `https://mcp.example.com/\${KEY}`,
  ])('%s is not secret', (url) => {
    expect(isSecretUrl(url)).toBe(false)
  })

  test.each([
    'https://mcp.example.com/mcp?api_key=x',
    'https://mcp.example.com/s/YTk4ZjQtNGI3Zi00/mcp',
    'https://mcp.example.com/mcp?x=1234567890abcdefgh',
    'https://user:word@mcp.example.com/',
  ])('%s is secret', (url) => {
    expect(isSecretUrl(url)).toBe(true)
  })
})

describe('a config', () => {
  test.each([
    { servers: { a: { url: 'https://a.example/mcp', headers: { 'X-Team': 'core' }, headers_file: 'h' } } },
    { providers: { g: { client_id: '1234567890-abc.apps.example.com', client_secret: `\${S}` } } },
    { providers: { g: { client_secret_file: 's.txt' } }, secret_store: 'file' },
    { callback_url: ['http://localhost:8080/cb'] },
  ])('without a secret has none: %j', (tree) => {
    expect(holdsSecret(tree)).toBe(false)
  })

  test.each([
    { providers: { g: { client_secret: 'x' } } },
    { mcp_server_url: 'https://a.example/mcp?token=x' },
    { servers: { a: { url: 'https://a.example/mcp', headers: { Authorization: 'Bearer x' } } } },
  ])('with a literal secret has one: %j', (tree) => {
    expect(holdsSecret(tree)).toBe(true)
  })
})
