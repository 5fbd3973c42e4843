// A key in a server's address is shown to nobody.
import { describe, expect, test } from 'vitest'
import { loginCommand, resourceName, secretSegments, shownUrl } from '../../../src/redaction/shownUrl.ts'
import { shellQuote } from '../../../src/shellQuote.ts'

const KEY = 'sk_live_4f1c2d3e5a6b7c8d'

describe('the address of a server is shown', () => {
  test.each([
    'https://mcp.example.com',
    'https://mcp.example.com/mcp',
    'http://localhost:8080/v1/sse/',
    'https://a.example/%C3%BC',
  ])('unchanged: %s', (url) => {
    expect(shownUrl(url)).toBe(url)
    expect(loginCommand(url, 'default')).toBe(`mcp-oauth-bridge login ${shellQuote(url)}`)
    expect(loginCommand(url, 'work')).toBe(`mcp-oauth-bridge login ${shellQuote(url)} --profile work`)
  })

  test.each([
    [`https://a.example/mcp?api_key=${KEY}`, 'https://a.example/mcp?…'],
    [`https://a.example/mcp/${KEY}/sse`, 'https://a.example/mcp/…/sse'],
    [`https://a.example/mcp/%73k_live_4f1c2d3e5a6b7c8d`, 'https://a.example/mcp/…'],
    ['https://a.example/s/6f9619ff-8b86-d011-b42d-00c04fc964ff', 'https://a.example/s/…'],
    [`https://a.example/mcp#${KEY}`, 'https://a.example/mcp'],
    [`https://user:${KEY}@a.example/mcp`, 'https://a.example/mcp'],
    [`https://${KEY}@a.example/${KEY}?${KEY}#${KEY}`, 'https://a.example/…?…'],
  ])('without the key: %s', (url, wanted) => {
    expect(shownUrl(url)).toBe(wanted)
    for (const command of [loginCommand(url, 'default'), loginCommand(url, 'default', 'work')])
      expect(command).not.toMatch(/4f1c2d3e|6f9619ff/)
    expect(loginCommand(url, 'default', 'work')).toBe('mcp-oauth-bridge login work')
  })

  test('without possible secrets if it is malformed', () => {
    expect(shownUrl(`http://[?key=${KEY}`)).not.toContain(KEY)
  })
})

test('possible secrets in a path are known in both spellings', () => {
  expect(secretSegments(new URL(`https://a.example/mcp/${KEY}/%73${KEY.slice(1)}`))).toEqual([
    KEY,
    KEY,
    `%73${KEY.slice(1)}`,
    KEY,
  ])
  expect(secretSegments(new URL('https://a.example/mcp/sse'))).toEqual([])
})

test('the resource of a server does not contain a key of its address', () => {
  expect(resourceName(new URL(`https://a.example/mcp?api_key=${KEY}&x=1`))).toBe('https://a.example/mcp')
  expect(resourceName(new URL('https://a.example/mcp?team=core'))).toBe('https://a.example/mcp?team=core')
  expect(resourceName(new URL(`https://a.example/mcp/${KEY}/sse?x=1`))).toBe('https://a.example/mcp')
  expect(resourceName(new URL(`https://a.example/${KEY}`))).toBe('https://a.example')
  const named = 'https://a.example/customer-support-v2/mcp'
  expect(resourceName(new URL(named))).toBe(named)
})
