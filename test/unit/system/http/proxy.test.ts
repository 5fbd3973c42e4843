// Which proxy a URL goes through, and who is excepted.
import { describe, expect, test } from 'vitest'
import { authorityOf, createProxyFor, proxyAuthorization } from '../../../../src/system/http/proxy.ts'

const PROXY = 'http://proxy.corp:3128'
const proxyOf = (environment: NodeJS.ProcessEnv, url: string) => createProxyFor(environment)?.(new URL(url))?.href
const goesThrough = (noProxy: string, url: string) =>
  proxyOf({ HTTPS_PROXY: PROXY, HTTP_PROXY: PROXY, NO_PROXY: noProxy }, url) !== undefined

describe('the proxy of a URL', () => {
  test('is that of its scheme', () => {
    const environment = { HTTPS_PROXY: 'http://secure:1', HTTP_PROXY: 'http://plain:2' }
    expect(proxyOf(environment, 'https://a.example/')).toBe('http://secure:1/')
    expect(proxyOf(environment, 'http://a.example/')).toBe('http://plain:2/')
    expect(proxyOf({ HTTP_PROXY: 'http://plain:2' }, 'https://a.example/')).toBeUndefined()
  })

  test('is taken from the lower-case variable before the upper-case one, and an empty variable counts as unset', () => {
    expect(proxyOf({ https_proxy: 'http://low:1', HTTPS_PROXY: 'http://up:2' }, 'https://a.example/')).toBe(
      'http://low:1/',
    )
    expect(createProxyFor({ HTTPS_PROXY: '', http_proxy: '' })).toBeUndefined()
    expect(createProxyFor({ NO_PROXY: '*' })).toBeUndefined()
  })

  test('may come without a scheme', () => {
    expect(proxyOf({ HTTPS_PROXY: 'proxy.corp:3128' }, 'https://a.example/')).toBe('http://proxy.corp:3128/')
  })

  test.each(['localhost', '127.0.0.1', '127.8.9.1', '[::1]'])('is undefined for %s, whatever is set', (host) => {
    expect(proxyOf({ HTTPS_PROXY: PROXY, HTTP_PROXY: PROXY }, `https://${host}:8443/`)).toBeUndefined()
    expect(proxyOf({ HTTPS_PROXY: PROXY, HTTP_PROXY: PROXY }, `http://${host}/`)).toBeUndefined()
  })

  test.each(['socks5://user:hunter2@proxy:1', 'http://user:hunter2@[', 'ftp://hunter2@x'])(
    'is refused as %s, and the value is not repeated',
    (value) => {
      const thrown = (() => {
        try {
          return createProxyFor({ HTTPS_PROXY: value })?.(new URL('https://a.example/'))
        } catch (error) {
          return error
        }
      })()
      expect(thrown).toMatchObject({ code: 'proxy_failed' })
      expect(String(thrown)).not.toContain('hunter2')
    },
  )
})

describe('NO_PROXY', () => {
  test.each([
    ['*', 'https://a.example/', false],
    ['a.example', 'https://a.example/', false],
    ['a.example', 'https://deep.a.example/', false],
    ['a.example', 'https://ba.example/', true],
    ['.a.example', 'https://a.example/', false],
    ['*.a.example', 'https://deep.a.example/', false],
    ['b.example, a.example', 'https://a.example/', false],
    ['b.example a.example', 'https://a.example/', false],
    ['A.Example', 'https://a.example/', false],
    ['a.example:443', 'https://a.example/', false],
    ['a.example:8443', 'https://a.example/', true],
    ['a.example:8443', 'https://a.example:8443/', false],
    ['a.example:80', 'http://a.example/', false],
    ['10.1.2.3', 'https://10.1.2.3/', false],
    ['10.0.0.0/8', 'https://10.200.1.1/', false],
    ['10.0.0.0/8', 'https://11.0.0.1/', true],
    ['10.0.0.0/99', 'https://10.0.0.1/', true],
    ['fd00::/8', 'https://[fd12::1]/', false],
    ['fd12::1', 'https://[fd12::1]/', false],
    ['[fd12::1]:443', 'https://[fd12::1]/', false],
    ['[fd12::1]:8443', 'https://[fd12::1]/', true],
    ['2001:db8:0:0::1', 'https://[2001:db8::1]/', false],
    ['2001:0db8::1', 'https://[2001:db8::1]/', false],
    ['[2001:0DB8::1]', 'https://[2001:db8::1]/', false],
    ['[2001:0db8::1]:443', 'https://[2001:db8::1]/', false],
    ['2001:db8::2', 'https://[2001:db8::1]/', true],
    ['[2001:db8::]/32', 'https://[2001:db8::1]/', false],
    ['[2001:db8::/32', 'https://[2001:db9::1]/', true],
    ['10.1.2.3', 'https://[::ffff:10.1.2.3]/', false],
    ['10.1.2.3:8443', 'https://10.1.2.3:8443/', false],
    ['10.1.2.3:8443', 'https://10.1.2.3/', true],
    ['fe80::1%eth0', 'https://[fe80::1]/', true],
    ['a.example', 'https://a.example./', false],
    ['a.example.', 'https://a.example/', false],
    ['a.example.:443', 'https://deep.a.example./', false],
    ['bücher.example', 'https://bücher.example/', false],
    ['*.BÜCHER.example', 'https://deep.xn--bcher-kva.example/', false],
    ['https://a.example', 'https://a.example/', true],
    ['https://a.example', 'http://https/', true],
    ['.', 'https://a.example./', true],
    ['', 'https://a.example/', true],
    [',, ,', 'https://a.example/', true],
  ])('%j: %s goes through the proxy: %s', (list, url, through) => {
    expect(goesThrough(list, url)).toBe(through)
  })
})

test.each([
  ['user:p%40ss', 'user:p@ss'],
  ['user:100%sure', 'user:100%sure'],
  ['user:p%40ss-100%', 'user:p@ss-100%'],
  ['user%:bücher%2', 'user%:bücher%2'],
  ['user:%E4', 'user:%E4'],
])('credentials of the proxy’s URL become Basic, decoded where they are encoded: %s', (written, meant) => {
  expect(proxyAuthorization(new URL(`http://${written}@proxy:1`))).toEqual({
    'proxy-authorization': `Basic ${Buffer.from(meant).toString('base64')}`,
  })
})

test('a proxy’s URL without credentials gives none', () => {
  expect(proxyAuthorization(new URL('http://proxy:1'))).toEqual({})
})

test('CONNECT names host and port, an IPv6 address in brackets', () => {
  expect(authorityOf({ hostname: 'a.example', port: '' })).toBe('a.example:443')
  expect(authorityOf({ hostname: 'fd12::1', port: '8443' })).toBe('[fd12::1]:8443')
})
