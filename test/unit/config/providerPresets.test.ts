// Which preset an issuer or a name has, and how a person's own endpoints go before it.
import { describe, expect, test } from 'vitest'
import { isIssuerOf, PRESETS, presetOf, rulesFor } from '../../../src/config/providerPresets.ts'

describe('a preset', () => {
  test.each([
    ['https://accounts.google.com', 'google'],
    ['https://login.microsoftonline.com/common/v2.0', 'microsoft'],
    ['https://login.microsoftonline.us/contoso.example/v2.0', 'microsoft'],
    ['https://login.microsoftonline.de/common/v2.0', 'microsoft'],
    ['https://login.partner.microsoftonline.cn/common/v2.0', 'microsoft'],
    ['https://login.chinacloudapi.cn/common/v2.0', 'microsoft'],
    ['https://github.com/login/oauth', 'github'],
    ['https://team.eu.auth0.com/', 'auth0'],
    ['https://team.okta.com/oauth2/default', 'okta'],
    ['https://team.oktapreview.com', 'okta'],
  ])('is found by the issuer %s', (issuer, name) => {
    expect(presetOf({ issuer })?.name).toBe(name)
  })

  test.each([
    'https://accounts.google.com.evil.example',
    'https://evil.example/accounts.google.com',
    'https://login.microsoftonline.com.evil.example/common/v2.0',
    'https://notgithub.com/login/oauth',
    'https://auth0.com.evil.example',
    'https://evilokta.com',
    'not a url',
  ])('is not found by %s', (issuer) => {
    expect(presetOf({ issuer })).toBeUndefined()
  })

  test('is found by a name, which overrides the host', () => {
    expect(presetOf({ name: 'github', issuer: 'http://127.0.0.1:1/login/oauth' })?.name).toBe('github')
    expect(presetOf({ name: 'work', issuer: 'https://accounts.google.com' })?.name).toBe('google')
  })

  test('of each host is unique', () => {
    expect(new Set(PRESETS.map(({ name }) => name)).size).toBe(PRESETS.length)
  })
})

test.each([
  ['google', 'https://accounts.google.com', true],
  ['google', 'https://accounts.google.com/', true],
  ['microsoft', 'https://login.microsoftonline.com/contoso.example/v2.0', true],
  ['github', 'https://github.com/login/oauth', true],
  ['google', 'http://accounts.google.com', false],
  ['google', 'https://accounts.google.com:8443', false],
  ['google', 'https://accounts.google.com.evil.example', false],
  ['google', 'https://accounts.google.com@evil.example', false],
  ['google', 'https://user@accounts.google.com', false],
  ['google', 'https://accounts.google.com.', false],
  ['github', 'https://gist.github.com/login/oauth', false],
  ['github', 'https://accounts.google.com', false],
  ['github', 'no url', false],
])('a client of %s is sent to %s: %s', (name, issuer, goes) => {
  const preset = presetOf({ name })
  expect(preset && isIssuerOf(preset, issuer)).toBe(goes)
})

describe('the rules of a server', () => {
  test('are empty if neither name nor issuer is known', () => {
    expect(rulesFor()('https://as.example')).toEqual({})
    expect(rulesFor()(undefined)).toEqual({})
  })

  test('prefer a person’s endpoints to the preset’s, and S256 is then the person’s responsibility', () => {
    const rules = rulesFor({ provider: 'github', endpoints: { token_endpoint: 'https://ghe.example/token' } })
    expect(rules('https://ghe.example/login/oauth')).toMatchObject({
      name: 'github',
      s256: 'unadvertised',
      metadata: { authorization_endpoint: '{issuer}/authorize', token_endpoint: 'https://ghe.example/token' },
    })
  })

  test('use a person’s endpoints at the issuer that they were written for, and at no other', () => {
    const endpoints = { token_endpoint: 'https://own.example/token' }
    const rules = rulesFor({ issuer: 'https://own.example', endpoints })
    expect(rules('https://own.example').metadata).toEqual(endpoints)
    expect(rules('https://other.example')).toEqual({})
  })
})
