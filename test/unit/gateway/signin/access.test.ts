// Who may sign in: access rules × what providers say of a person.
import { describe, expect, test } from 'vitest'
import { asBridgeError } from '../../../../src/errors.ts'
import type { Access, AccessRules, ServedServer } from '../../../../src/gateway/settings.ts'
import { createAccess, createEmailOf } from '../../../../src/gateway/signin/access.ts'

const TENANT = '8eaef023-2b34-4da1-9baa-8bc8c9d6a490'
const MICROSOFT = 'https://login.microsoftonline.com'
const ISSUERS = {
  google: 'https://accounts.google.com',
  tenant: `${MICROSOFT}/${TENANT}/v2.0`,
  common: `${MICROSOFT}/common/v2.0`,
  organizations: `${MICROSOFT}/organizations/v2.0`,
  consumers: `${MICROSOFT}/consumers/v2.0`,
  personal: `${MICROSOFT}/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0`,
  github: 'https://github.com/login/oauth',
  oidc: 'https://id.example.org',
}
type Name = keyof typeof ISSUERS

const NOBODY: AccessRules = { emails: [], domains: [], subjects: [], groups: [], tenants: [], organisations: [] }
const kindOf = (name: Name) =>
  name === 'github' ? 'github' : name === 'google' || name === 'oidc' ? 'other' : 'microsoft'
const providers = (Object.keys(ISSUERS) as Name[]).map((name) => ({
  name,
  issuer: ISSUERS[name],
  kind: kindOf(name) as 'github' | 'other' | 'microsoft',
}))

/** 'in', or the code of the refusal. */
function answer(
  access: Partial<AccessRules> | 'everyone' | undefined,
  provider: Name,
  claims: Record<string, unknown>,
  own?: Access,
): string {
  const rules = access === undefined || access === 'everyone' ? access : { ...NOBODY, ...access }
  const check = createAccess({ access: rules, providers })
  try {
    check({ issuer: ISSUERS[provider], subject: 'ada', claims }, own && ({ access: own } as ServedServer))
    return 'in'
  } catch (thrown) {
    return asBridgeError(thrown).code
  }
}
const OUT = 'access_not_granted'
const ada = { email: 'ada@example.com', email_verified: true }
const both = { emails: ['ada@example.com'], domains: ['example.com'] }

test('without access nobody may sign in, and everyone only where that is written', () => {
  expect(answer(undefined, 'google', ada)).toBe(OUT)
  expect(answer({}, 'google', ada)).toBe(OUT)
  expect(answer('everyone', 'github', {})).toBe('in')
})

describe('an e-mail address counts, and is told to servers, where its provider says that it is verified', () => {
  test.each([
    ['verified', 'google', ada, 'in'],
    ['verified, in a word', 'oidc', { ...ada, email_verified: 'true' }, 'in'],
    ['GitHub’s primary one', 'github', ada, 'in'],
    ['in other case', 'oidc', { ...ada, email: 'ADA@Example.COM' }, 'in'],
    ['not verified', 'google', { ...ada, email_verified: false }, OUT],
    ['not verified, in a word', 'oidc', { ...ada, email_verified: 'false' }, OUT],
    ['nothing said', 'oidc', { email: ada.email }, OUT],
    ['said in a number', 'oidc', { ...ada, email_verified: 1 }, OUT],
    ['no address', 'google', { email_verified: true }, OUT],
    ['an address that is a list', 'oidc', { ...ada, email: [ada.email] }, OUT],
    ['only as preferred_username', 'oidc', { preferred_username: ada.email, email_verified: true }, OUT],
    ['Microsoft’s own word for a domain', 'oidc', { email: ada.email, xms_edov: true }, OUT],
    ['one tenant, nothing said', 'tenant', { email: ada.email, tid: TENANT }, OUT],
    ['one tenant, domain verified', 'tenant', { email: ada.email, xms_edov: true }, 'in'],
    ['one tenant, domain verified, in a digit', 'tenant', { email: ada.email, xms_edov: '1' }, 'in'],
    ['one tenant, verified', 'tenant', ada, 'in'],
    ['all tenants, verified', 'common', ada, OUT],
    ['all tenants, domain verified', 'common', { ...ada, xms_edov: true }, OUT],
    ['all organisations, verified', 'organizations', ada, OUT],
    ['personal accounts, verified', 'consumers', ada, OUT],
    ['the tenant of personal accounts, verified', 'personal', ada, OUT],
  ] as const)('%s (%s)', (_, provider, claims, expected) => {
    expect(answer({ emails: both.emails }, provider, claims)).toBe(expected)
    expect(answer({ domains: both.domains }, provider, claims)).toBe(expected)
    const told = createEmailOf(providers)({ issuer: ISSUERS[provider], subject: 'ada', claims })
    expect(told).toBe(expected === 'in' ? claims.email : undefined)
  })
})

describe('an address that is no plain one, or of another domain, lets nobody in', () => {
  test.each([
    'ada@example.com@evil.org',
    'ada@evil.org@example.com',
    '"ada@example.com"@evil.org',
    '"ada"@example.com',
    '"ada@evil.org"@example.com',
    'ada@example.com.evil.org',
    'ada@notexample.com',
    'ada@sub.example.com',
    'ada@exаmple.com',
    'ada@example.com\u0000',
    'ada@example.com\n',
    ' ada@example.com',
    'ada@example.com ',
    'ada@example.com.',
    'ada@\u202eexample.com',
    'ada@eKample.com'.replace('K', '\u212a'),
    'ada@example。com',
    'ada@example.com>',
    'Ada <ada@example.com>',
    'ada(x)@example.com',
    'ada\\@evil.org@example.com',
    'ada@[127.0.0.1]',
    '@example.com',
    'example.com',
    '',
    `${'a'.repeat(300)}@example.com`,
  ])('%j', (email) => {
    expect(answer(both, 'google', { email, email_verified: true })).toBe(OUT)
  })

  test('no other letter stands for one of a rule', () => {
    expect(answer({ domains: ['kelvin.org'] }, 'oidc', { email: 'a@\u212aelvin.org', email_verified: true })).toBe(OUT)
    expect(answer({ domains: ['kelvin.org'] }, 'oidc', { email: 'a@Kelvin.org', email_verified: true })).toBe('in')
  })
})

test('a domain may be written with its @, and an address of a subdomain needs a rule of its own', () => {
  expect(answer({ domains: ['@Example.com'] }, 'google', ada)).toBe('in')
  expect(answer({ domains: ['example.com'] }, 'google', { ...ada, email: 'ada@eu.example.com' })).toBe(OUT)
  expect(answer({ domains: ['eu.example.com'] }, 'google', { ...ada, email: 'ada@eu.example.com' })).toBe('in')
})

describe('subjects, groups, tenants and organisations', () => {
  const OID = '11111111-2222-3333-4444-555555555555'
  test.each([
    ['a subject', { subjects: ['ada'] }, 'oidc', {}, 'in'],
    ['a subject of one issuer', { subjects: [`${ISSUERS.google}#ada`] }, 'google', {}, 'in'],
    ['a subject of another issuer', { subjects: [`${ISSUERS.google}#ada`] }, 'oidc', {}, OUT],
    ['a subject in other case', { subjects: ['ADA'] }, 'oidc', {}, OUT],
    ['an object id', { subjects: [OID] }, 'common', { oid: OID }, 'in'],
    ['an object id of another provider', { subjects: [OID] }, 'oidc', { oid: OID }, OUT],
    ['a group', { groups: ['admins'] }, 'oidc', { groups: ['users', 'admins'] }, 'in'],
    ['a single group', { groups: ['admins'] }, 'oidc', { groups: 'admins' }, 'in'],
    ['a group in other case', { groups: ['admins'] }, 'oidc', { groups: ['Admins'] }, OUT],
    ['a part of a group', { groups: ['admin'] }, 'oidc', { groups: ['admins'] }, OUT],
    ['a group of one tenant', { groups: ['admins'] }, 'tenant', { groups: ['admins'] }, 'in'],
    ['a group of any tenant', { groups: ['admins'] }, 'common', { groups: ['admins'] }, OUT],
    ['a tenant', { tenants: [TENANT.toUpperCase()] }, 'common', { tid: TENANT }, 'in'],
    ['another tenant', { tenants: [TENANT] }, 'common', { tid: OID }, OUT],
    ['another tenant’s same address', { ...both, tenants: [TENANT] }, 'common', { ...ada, tid: OID }, OUT],
    ['a tenant named by another provider', { tenants: [TENANT] }, 'oidc', { tid: TENANT }, OUT],
    ['an organisation', { organisations: ['Acme'] }, 'github', { organisations: ['other', 'acme'] }, 'in'],
    ['another organisation', { organisations: ['Acme'] }, 'github', { organisations: ['acme-evil'] }, OUT],
    [
      'an organisation named by another provider',
      { organisations: ['Acme'] },
      'oidc',
      { organisations: ['Acme'] },
      OUT,
    ],
    ['no organisations', { organisations: ['Acme'] }, 'github', {}, OUT],
  ] as const)('%s', (_, access, provider, claims, expected) => {
    expect(answer(access as Partial<AccessRules>, provider, claims)).toBe(expected)
  })
})

test('a server with access of its own is for those whom both name', () => {
  const own = { ...NOBODY, emails: ['ada@example.com'] }
  expect(answer({ domains: ['example.com'] }, 'google', ada, own)).toBe('in')
  expect(answer({ domains: ['example.com'] }, 'google', { ...ada, email: 'bob@example.com' }, own)).toBe(OUT)
  expect(answer({ domains: ['other.org'] }, 'google', ada, own)).toBe(OUT)
  expect(answer({ domains: ['example.com'] }, 'google', ada, 'everyone')).toBe('in')
  expect(answer(undefined, 'google', ada, own)).toBe(OUT)
})

test('a refusal says why an address did not count, and never the address', () => {
  const check = createAccess({ access: { ...NOBODY, ...both }, providers })
  const refusal = (provider: Name, claims: Record<string, unknown>) => {
    try {
      check({ issuer: ISSUERS[provider], subject: 'ada', claims }, undefined)
      return ''
    } catch (thrown) {
      return asBridgeError(thrown).message
    }
  }
  expect(refusal('oidc', { email: 'ada@example.com' })).toContain('no verified e-mail address')
  expect(refusal('common', ada)).toContain('only tenant and object id count')
  expect(refusal('google', { ...ada, email: 'eve@evil.org' })).not.toContain('eve')
})

describe('an account', () => {
  const [google, github] = [ISSUERS.google, ISSUERS.github]
  const served = (provider: string | undefined) => ({ access: undefined, provider }) as ServedServer
  const check = createAccess({
    access: 'everyone',
    providers: [
      { name: 'google', issuer: google, kind: 'other' },
      { name: 'google-too', issuer: google, kind: 'other' },
      { name: 'github', issuer: github, kind: 'github' },
    ],
  })
  const answerOf = (issuer: string, server: ServedServer | undefined) => {
    try {
      check({ issuer, subject: 'ada', claims: ada }, server)
      return 'in'
    } catch (thrown) {
      return asBridgeError(thrown).code
    }
  }

  test.each([
    ['any provider of the gateway', google, served(undefined), 'in'],
    ['no certain server', github, undefined, 'in'],
    ['the provider of the server', github, served('github'), 'in'],
    ['one of two with this issuer', google, served('google-too'), 'in'],
    ['another provider of the gateway', google, served('github'), OUT],
    ['a provider that was taken out', 'https://gone.example', served(undefined), OUT],
    ['a provider that was taken out, and no certain server', 'https://gone.example', undefined, OUT],
    ['an issuer that only begins like one', `${google}/`, served(undefined), OUT],
  ])('counts only where people sign in with its provider: %s', (_what, issuer, server, expected) => {
    expect(answerOf(issuer, server)).toBe(expected)
  })
})
