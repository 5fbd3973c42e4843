// Which proxy the environment names for a URL.
import { expect, test } from 'vitest'
import { proxyFor } from '../../../src/doctor/proxyVariables.ts'

const URL_ = new URL('https://mcp.example.com/mcp')

test.each([
  [{}, undefined],
  [{ HTTP_PROXY: 'http://p:1' }, undefined],
  [{ HTTPS_PROXY: 'http://p:1', NO_PROXY: 'example.com' }, 'bypassed'],
  [{ HTTPS_PROXY: 'http://p:1', NO_PROXY: '.example.com' }, 'bypassed'],
  [{ HTTPS_PROXY: 'http://p:1', NO_PROXY: '*' }, 'bypassed'],
  [{ HTTPS_PROXY: 'http://p:1', no_proxy: 'a.b, mcp.example.com:443' }, 'bypassed'],
])('%j for an https URL is %s', (environment, expected) => {
  expect(proxyFor(URL_, environment)).toBe(expected)
})

test.each([
  [{ HTTPS_PROXY: 'http://proxy.corp:3128' }, 'HTTPS_PROXY', 'proxy.corp:3128'],
  [{ https_proxy: 'proxy.corp:3128' }, 'https_proxy', 'proxy.corp:3128'],
  [{ HTTPS_PROXY: 'http://p:1', NO_PROXY: 'ample.com, mcp.example.com:8443' }, 'HTTPS_PROXY', 'p:1'],
])('%j names %s', (environment, variable, host) => {
  const found = proxyFor(URL_, environment)
  expect(found).toMatchObject({ variable })
  expect((found as { url: URL }).url.host).toBe(host)
})

test('a user name and password of the proxy are dropped', () => {
  const found = proxyFor(URL_, { HTTPS_PROXY: 'http://user:needle@p:1' }) as { url: URL }
  expect(found.url.href).not.toMatch(/user|needle/)
})

test('a value that is no URL is told apart', () => {
  expect(proxyFor(URL_, { HTTPS_PROXY: 'http://[' })).toEqual({ variable: 'HTTPS_PROXY', url: undefined })
})
