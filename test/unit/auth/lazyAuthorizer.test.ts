// An authorizer that opens on first use.
import { expect, test } from 'vitest'
import { createLazyAuthorizer, readAhead } from '../../../src/auth/lazyAuthorizer.ts'
import { BridgeError } from '../../../src/errors.ts'
import { createFakeAuthorizer } from '../../fakes/fakeAuthorizer.ts'
import { settled } from '../../fakes/gate.ts'
import { codeOf } from '../../fakes/thrown.ts'

const URL_1 = new URL('https://mcp.example/mcp')
const HEADERS = { authorization: 'Bearer a' }

test('opens once, with the first request, and returns what the real one returns', async () => {
  let opened = 0
  const lazy = createLazyAuthorizer(async () => {
    opened++
    return createFakeAuthorizer(HEADERS, () => HEADERS)
  })
  expect(opened).toBe(0)
  expect(await Promise.all([lazy.headers('POST', URL_1), lazy.headers('GET', URL_1)])).toEqual([HEADERS, HEADERS])
  expect(opened).toBe(1)
})

test('once open, headers that are available at once are not waited for', async () => {
  const lazy = createLazyAuthorizer(async () => ({
    ...createFakeAuthorizer(HEADERS, () => HEADERS),
    headers: () => HEADERS,
  }))
  await lazy.headers('POST', URL_1)
  expect(lazy.headers('POST', URL_1)).toBe(HEADERS)
})

test('a store that does not open fails the request that needs it, and the next one tries again', async () => {
  const failures = [new BridgeError('database_locked')]
  const lazy = createLazyAuthorizer(async () => {
    const failure = failures.shift()
    if (failure) throw failure
    return createFakeAuthorizer(HEADERS, () => HEADERS)
  })
  expect(await codeOf(Promise.resolve(lazy.headers('POST', URL_1)))).toBe('database_locked')
  expect(await lazy.headers('POST', URL_1)).toEqual(HEADERS)
})

test('reading ahead never fails', async () => {
  let opened = 0
  const lazy = createLazyAuthorizer(async () => {
    opened++
    throw new BridgeError('database_locked')
  })
  readAhead(lazy, URL_1)
  await settled()
  expect(opened).toBe(1)
})
