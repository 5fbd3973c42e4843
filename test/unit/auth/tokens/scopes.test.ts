// Which scopes are asked for.
import { describe, expect, test } from 'vitest'
import { covers, type ScopeSources, selectScopes, union } from '../../../../src/auth/tokens/scopes.ts'

const select = (sources: Partial<ScopeSources>) =>
  selectScopes({
    challenged: undefined,
    configured: undefined,
    resource: undefined,
    authorizationServer: undefined,
    identity: false,
    ...sources,
  })

describe('the scopes', () => {
  test('are left out if nothing names any', () => {
    expect(select({})).toBeUndefined()
    expect(select({ resource: [], authorizationServer: ['a'] })).toBeUndefined()
    expect(select({ authorizationServer: ['openid', 'email', 'offline_access'], identity: true })).toBeUndefined()
  })

  test('are those of the challenge, which override those of the resource', () => {
    expect(select({ challenged: 'a b', resource: ['c'] })).toBe('a b')
  })

  test('are those of the resource if the challenge names none', () => {
    expect(select({ resource: ['a', 'b'], authorizationServer: ['x', 'y'] })).toBe('a b')
  })

  test('include offline_access if the server offers it', () => {
    expect(select({ resource: ['a'], authorizationServer: ['offline_access'] })).toBe('a offline_access')
    expect(select({ resource: ['a'], authorizationServer: ['a'] })).toBe('a')
  })

  test('include those for identity if headers need it and the server offers them', () => {
    expect(select({ challenged: 'a', authorizationServer: ['openid', 'email', 'profile'], identity: true })).toBe(
      'a openid email profile',
    )
    expect(select({ challenged: 'a', authorizationServer: ['openid'], identity: true })).toBe('a openid')
    expect(select({ challenged: 'a', authorizationServer: ['openid', 'email'], identity: false })).toBe('a')
  })

  test('do not include email without openid', () => {
    expect(select({ challenged: 'a', authorizationServer: ['email', 'profile'], identity: true })).toBe('a')
  })

  test('configured by a person are the person’s, plus what the challenge needs', () => {
    const authorizationServer = ['openid', 'offline_access']
    expect(select({ configured: ['x'], resource: ['a'], authorizationServer, identity: true })).toBe('x')
    expect(select({ configured: ['x', 'y'], challenged: 'y z' })).toBe('x y z')
  })

  test('configured as empty are none', () => {
    expect(select({ configured: [], authorizationServer: ['offline_access'] })).toBeUndefined()
  })

  test('are each named once, and never empty', () => {
    expect(select({ challenged: 'a  a b', authorizationServer: ['offline_access', 'b'] })).toBe('a b offline_access')
  })
})

test('a union names each scope once, in the order in which they came', () => {
  expect(union('a b', undefined, 'b c')).toBe('a b c')
  expect(union(undefined, '')).toBeUndefined()
})

test('scopes cover others if none of them is missing', () => {
  expect(covers('a b c', 'c a')).toBe(true)
  expect(covers('a', 'a b')).toBe(false)
  expect(covers(undefined, 'a')).toBe(false)
})
