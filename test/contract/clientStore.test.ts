// Every ClientStore: one registered client an issuer and redirect URI.
import { describe, expect, test } from 'vitest'
import type { ClientStore } from '../../src/ports.ts'
import { createFakeClientStore } from '../fakes/fakeCache.ts'
import { createFakeClock, NOON } from '../fakes/fakeClock.ts'
import {
  ENGINES,
  ISSUER,
  PUBLIC_CLIENT as PUBLIC,
  processesOn,
  REDIRECT,
  SECRET_CLIENT as SECRET,
} from '../fakes/storeKit.ts'
import { tempFolder } from '../fakes/tempFolder.ts'

const folder = tempFolder()
const STORES: readonly { readonly name: string; make(): ClientStore }[] = [
  ...ENGINES.map((engine) => ({
    name: `the store in ${engine.name}`,
    make: () => processesOn(engine, folder, createFakeClock())().clients,
  })),
  { name: 'the fake in memory', make: createFakeClientStore },
]

describe.each(STORES)('$name', ({ make }) => {
  test.each([
    ['public', PUBLIC],
    ['confidential', SECRET],
    ['temporary', { ...SECRET, secretExpiresAt: NOON }],
  ])('returns a %s client as it was written', async (_, client) => {
    const store = make()
    await store.save(ISSUER, REDIRECT, client)
    expect(await store.load(ISSUER, REDIRECT)).toEqual(client)
  })

  test('stores neither the key nor the origin of a client that a person configured', async () => {
    const store = make()
    await store.save(ISSUER, REDIRECT, { ...PUBLIC, privateKey: 'key', own: 'configured' })
    expect(await store.load(ISSUER, REDIRECT)).toEqual(PUBLIC)
  })

  test('finds a client only under its issuer and redirect URI', async () => {
    const store = make()
    await store.save(ISSUER, REDIRECT, PUBLIC)
    expect(await store.load('https://other.example', REDIRECT)).toBeUndefined()
    expect(await store.load(ISSUER, `${REDIRECT}/`)).toBeUndefined()
  })

  test('replaces a client that is registered again, including its secret', async () => {
    const store = make()
    await store.save(ISSUER, REDIRECT, SECRET)
    await store.save(ISSUER, REDIRECT, PUBLIC)
    expect(await store.load(ISSUER, REDIRECT)).toEqual(PUBLIC)
  })

  test('removes only the named client', async () => {
    const store = make()
    await store.save(ISSUER, REDIRECT, PUBLIC)
    await store.save(ISSUER, `${REDIRECT}2`, SECRET)
    await store.remove(ISSUER, REDIRECT)
    expect(await store.load(ISSUER, REDIRECT)).toBeUndefined()
    expect(await store.load(ISSUER, `${REDIRECT}2`)).toEqual(SECRET)
  })

  test('removes all of them', async () => {
    const store = make()
    await store.save(ISSUER, REDIRECT, PUBLIC)
    await store.save(ISSUER, `${REDIRECT}2`, SECRET)
    await store.removeAll()
    expect(await store.load(ISSUER, REDIRECT)).toBeUndefined()
    expect(await store.load(ISSUER, `${REDIRECT}2`)).toBeUndefined()
  })
})
