// What is asked of a sign-in, compared between processes without saying what it is.
import { describe, expect, test } from 'vitest'
import { DEFAULT_CALLBACK_URL, type ServerConfig } from '../../../src/config/config.ts'
import { fits, wishesOf } from '../../../src/config/wishes.ts'

const PLAIN: ServerConfig = {
  ...{
    url: 'https://mcp.example/mcp',
    headers: {},
    allowHttp: false,
    transport: 'auto',
    protocol: 'auto',
    refreshStrategy: 'auto',
  },
  ...{ bearer: 'access_token', grant: 'authorization_code', authorizeParameters: {} },
  exceptions: { server: 'https://mcp.example/mcp' },
}
const of = (server: Partial<ServerConfig> = {}, account?: string, callbackUrls = [DEFAULT_CALLBACK_URL]) =>
  wishesOf({ callbackUrls, server: { ...PLAIN, ...server }, ...(account === undefined ? {} : { account }) })

describe('a wish', () => {
  test('does not include defaults', () => {
    expect(of()).toEqual({})
  })

  test.each<[string, ReturnType<typeof of>]>([
    ['account', of({}, 'ann@example.com')],
    ['callback', of({}, undefined, ['http://localhost:9/cb'])],
    ['client id', of({ clientId: 'a' })],
    ['client secret', of({ clientId: 'a', clientSecret: 'one' })],
    ['client metadata', of({ clientMetadataUrl: 'https://me.example/c' })],
    ['scope', of({ scopes: ['a'] })],
    ['no scope', of({ scopes: [] })],
    ['resource', of({ resource: 'none' })],
    ['parameter', of({ authorizeParameters: { prompt: 'consent' } })],
    ['header', of({ headers: { 'x-team': 'core' } })],
    ['provider', of({ provider: 'google' })],
    ['issuer', of({ issuer: 'https://as.example' })],
    ['endpoints', of({ endpoints: { token_endpoint: 'https://as.example/t' } })],
    ['bearer', of({ bearer: 'id_token' })],
    ['exception', of({ exceptions: { server: PLAIN.url, allow_http: true } })],
    ['certificates', of({ certificates: 'PEM' })],
  ])('for %s is distinguished, and is not dropped for a sign-in without it', (_, wishes) => {
    expect(Object.keys(wishes)).toHaveLength(1)
    expect(fits(wishes, {})).toBe(false)
    expect(fits(wishes, wishes)).toBe(true)
  })

  test('is the same in any order', () => {
    const one = of({ scopes: ['a', 'b'], headers: { a: '1', b: '2' } })
    expect(of({ scopes: ['b', 'a'], headers: { b: '2', a: '1' } })).toEqual(one)
    expect(of({ scopes: ['a'], headers: { a: '1', b: '2' } })).not.toEqual(one)
  })

  test('may be more than was asked for, except for the account', () => {
    expect(fits(of(), of({ scopes: ['a'] }))).toBe(true)
    expect(fits(of({ scopes: ['a'] }), of({ scopes: ['a'], resource: 'none' }))).toBe(true)
    expect(fits(of({ scopes: ['a'] }), of({ scopes: ['b'] }))).toBe(false)
    expect(fits(of(), of({}, 'ann@example.com'))).toBe(false)
  })

  test('has a fingerprint of 16 bits: too short to test e-mails and secrets on', () => {
    const all = Object.values(
      of({ clientSecret: 'hunter2', headers: { authorization: 'Basic eHg=' } }, 'ann@example.com'),
    )
    expect(all.every((text) => /^[0-9a-f]{4}$/.test(text))).toBe(true)
  })
})
