// Every SecretStore keeps one secret a name, and tells "not there" from everything else.
import { describe, expect, test } from 'vitest'
import type { SecretStore } from '../../src/ports.ts'
import { createKeyFile } from '../../src/system/keychain/keyFile.ts'
import { createFakeSecretStore } from '../fakes/fakeSecretStore.ts'
import { tempFolder } from '../fakes/tempFolder.ts'

const folder = tempFolder()

/** Makes a store and a way for another process to see the same secrets. */
const STORES: readonly { readonly name: string; make(): () => SecretStore }[] = [
  {
    name: 'the key file',
    make() {
      const home = folder.fresh('home')
      return () => createKeyFile(home)
    },
  },
  {
    name: 'the fake in memory',
    make() {
      const store = createFakeSecretStore()
      return () => store
    },
  },
]

describe.each(STORES)('$name', ({ make }) => {
  test('is empty at first', async () => {
    expect(await make()().get('sealing-key-1')).toBeUndefined()
  })

  test('returns what was set, also to another process', async () => {
    const open = make()
    await open().set('sealing-key-1', 'c2VjcmV0')
    expect(await open().get('sealing-key-1')).toBe('c2VjcmV0')
  })

  test('keeps the later of two values', async () => {
    const store = make()()
    await store.set('a', 'one')
    await store.set('a', 'two')
    expect(await store.get('a')).toBe('two')
  })

  test('keeps names separate', async () => {
    const store = make()()
    await store.set('sealing-key-1', 'one')
    await store.set('sealing-key-12', 'two')
    expect([
      await store.get('sealing-key-1'),
      await store.get('sealing-key-12'),
      await store.get('sealing-key'),
    ]).toEqual(['one', 'two', undefined])
  })

  test('forgets what was deleted, and only that', async () => {
    const store = make()()
    await store.set('a', 'one')
    await store.set('b', 'two')
    await store.delete('a')
    expect([await store.get('a'), await store.get('b')]).toEqual([undefined, 'two'])
  })

  test('ignores the deletion of a missing secret', async () => {
    await expect(make()().delete('a')).resolves.toBeUndefined()
  })

  test('can be set again after it was deleted', async () => {
    const store = make()()
    await store.set('a', 'one')
    await store.delete('a')
    await store.set('a', 'two')
    expect(await store.get('a')).toBe('two')
  })

  test('keeps 20 secrets that are set at the same time', async () => {
    const open = make()
    const names = Array.from({ length: 20 }, (_, index) => `key-${index}`)
    await Promise.all(names.map((name) => open().set(name, `secret of ${name}`)))
    expect(await Promise.all(names.map((name) => open().get(name)))).toEqual(names.map((name) => `secret of ${name}`))
  })
})
