// Every TokenStore: one token set a server and profile, changed only by compare-and-swap on its generation.
import { describe, expect, test } from 'vitest'
import type { TokenStore } from '../../src/ports.ts'
import type { TokenSet } from '../../src/records.ts'
import { createFakeClock, type FakeClock, NOON } from '../fakes/fakeClock.ts'
import { createFakeTokenStore } from '../fakes/fakeTokenStore.ts'
import { BARE, ENGINES, FULL, KEY, processesOn, WORK } from '../fakes/storeKit.ts'
import { tempFolder } from '../fakes/tempFolder.ts'

const folder = tempFolder()
const OF_A_PROGRAM: TokenSet = { ...BARE, grant: 'client_credentials' }

/** Gives a way for every process to open the same store. */
const STORES: readonly { readonly name: string; make(clock: FakeClock): () => TokenStore }[] = [
  ...ENGINES.map((engine) => ({
    name: `the store in ${engine.name}`,
    make(clock: FakeClock) {
      const open = processesOn(engine, folder, clock)
      return () => open().tokens
    },
  })),
  {
    name: 'the fake in memory',
    make(clock) {
      const store = createFakeTokenStore(clock.now)
      return () => store
    },
  },
]

describe.each(STORES)('$name', ({ make }) => {
  const setUp = () => {
    const clock = createFakeClock()
    const open = make(clock)
    return { clock, open, store: open() }
  }

  describe('a stored token set', () => {
    test.each([
      ['a bare one', BARE],
      ['a full one', FULL],
      ['one of a program', OF_A_PROGRAM],
    ])('is read as it was written: %s', async (_, tokens) => {
      const { store } = setUp()
      expect(await store.replace(KEY, tokens, 0)).toBe(true)
      expect(await store.load(KEY)).toEqual({ generation: 1, tokens })
    })

    test('is stored per server and profile', async () => {
      const { store } = setUp()
      await store.replace(KEY, FULL, 0)
      expect(await store.load(WORK)).toEqual({ generation: 0 })
      expect(await store.load({ ...KEY, server: 'https://mcp.example/other' })).toEqual({ generation: 0 })
      await store.replace(WORK, BARE, 0)
      expect((await store.load(KEY)).tokens).toEqual(FULL)
    })

    test('leaves nothing in the token set that replaces it', async () => {
      const { store } = setUp()
      await store.replace(KEY, FULL, 0)
      await store.replace(KEY, BARE, 1)
      expect(await store.load(KEY)).toEqual({ generation: 2, tokens: BARE })
    })
  })

  describe('compare-and-swap', () => {
    test('lets one of two writers win', async () => {
      const { store, open } = setUp()
      await store.replace(KEY, FULL, 0)
      const other = open()
      expect(await other.replace(KEY, { ...FULL, accessToken: 'other' }, 1)).toBe(true)
      expect(await store.replace(KEY, { ...FULL, accessToken: 'mine' }, 1)).toBe(false)
      expect((await store.load(KEY)).tokens?.accessToken).toBe('other')
    })

    test('lets one of 20 concurrent writers win', async () => {
      const { store, open } = setUp()
      const outcomes = await Promise.all(
        Array.from({ length: 20 }, (_, index) => open().replace(KEY, { ...BARE, accessToken: `t${index}` }, 0)),
      )
      expect(outcomes.filter(Boolean)).toHaveLength(1)
      expect((await store.load(KEY)).generation).toBe(1)
    })

    test.each([[1], [-1], [7]])('refuses a first write that expects generation %i', async (expected) => {
      const { store } = setUp()
      expect(await store.replace(KEY, FULL, expected)).toBe(false)
      expect(await store.load(KEY)).toEqual({ generation: 0 })
    })

    test('does not remove what another process has replaced', async () => {
      const { store, open } = setUp()
      await store.replace(KEY, FULL, 0)
      await open().replace(KEY, BARE, 1)
      expect(await store.remove(KEY, 1, 'late')).toBe(false)
      expect(await store.load(KEY)).toEqual({ generation: 2, tokens: BARE })
    })

    test('removes once', async () => {
      const { store } = setUp()
      await store.replace(KEY, FULL, 0)
      expect([await store.remove(KEY, 1), await store.remove(KEY, 1)]).toEqual([true, false])
    })

    test('reports that there is nothing to remove if there is no row', async () => {
      expect(await setUp().store.remove(KEY, 0)).toBe(false)
    })
  })

  describe('a removed token set', () => {
    test('never decreases the generation', async () => {
      const { store } = setUp()
      let generation = 0
      for (let round = 0; round < 5; round++) {
        expect(await store.replace(KEY, FULL, generation)).toBe(true)
        expect((await store.load(KEY)).generation).toBe(++generation)
        expect(await store.remove(KEY, generation)).toBe(true)
        expect((await store.load(KEY)).generation).toBe(++generation)
        expect(await store.replace(KEY, FULL, 0)).toBe(false)
      }
    })

    test('keeps the reason for which it was refused and the scope that was requested, also when it is removed again', async () => {
      const { store } = setUp()
      await store.replace(KEY, FULL, 0)
      await store.remove(KEY, 1, 'one')
      expect(await store.load(KEY)).toEqual({ generation: 2, requestedScope: 'a b c', lastError: 'one' })
      await store.remove(KEY, 2, 'two')
      expect(await store.load(KEY)).toEqual({ generation: 3, requestedScope: 'a b c', lastError: 'two' })
    })

    test('leaves nothing after a sign-out', async () => {
      const { store } = setUp()
      await store.replace(KEY, FULL, 0)
      await store.refuse(KEY, 1)
      await store.remove(KEY, 1)
      expect(await store.load(KEY)).toEqual({ generation: 2 })
    })

    test('no longer reports its error after the next sign-in', async () => {
      const { store } = setUp()
      await store.replace(KEY, FULL, 0)
      await store.remove(KEY, 1, 'reason')
      await store.replace(KEY, FULL, 2)
      expect(await store.load(KEY)).toEqual({ generation: 3, tokens: FULL })
      expect((await store.list())[0]).not.toHaveProperty('lastError')
    })
  })

  describe('a refresh token about to be spent', () => {
    test('is remembered once per generation', async () => {
      const { store, open } = setUp()
      await store.replace(KEY, FULL, 0)
      expect([await store.spend(KEY, 1), await open().spend(KEY, 1)]).toEqual(['first', 'again'])
      await store.replace(KEY, FULL, 1)
      expect(await store.spend(KEY, 2)).toBe('first')
    })

    test('is forgotten where it was not used after all, for its own generation', async () => {
      const { store, open } = setUp()
      await store.replace(KEY, FULL, 0)
      await store.spend(KEY, 1)
      await open().unspend(KEY, 2)
      expect(await store.spend(KEY, 1)).toBe('again')
      await open().unspend(KEY, 1)
      expect(await store.spend(KEY, 1)).toBe('first')
      expect(await store.load(KEY)).toEqual({ generation: 1, tokens: FULL })
    })

    test('is answered by a refusal', async () => {
      const { store } = setUp()
      await store.replace(KEY, FULL, 0)
      await store.spend(KEY, 1)
      await store.unrenewable(KEY, 1, 'refused', 'refresh_token_missing')
      expect(await store.spend(KEY, 1)).toBe('first')
    })

    test('is gone where another generation is stored, or there is no row', async () => {
      const { store, open } = setUp()
      expect([await store.spend(KEY, 0), await store.spend(KEY, 0)]).toEqual(['gone', 'gone'])
      await store.replace(KEY, FULL, 0)
      expect([await store.spend(KEY, 7), await store.spend(KEY, 7), await store.spend(KEY, 1)]).toEqual([
        'gone',
        'gone',
        'first',
      ])
      await open().replace(KEY, FULL, 1)
      expect(await store.spend(KEY, 1)).toBe('gone')
      await store.remove(KEY, 2, 'refused')
      expect(await store.spend(KEY, 2)).toBe('gone')
    })
  })

  describe('tokens that nothing renews any more', () => {
    test.each(['refresh_token_missing', 'token_expired'] as const)('are kept, with the reason: %s', async (code) => {
      const { store, open } = setUp()
      await store.replace(KEY, FULL, 0)
      await store.unrenewable(KEY, 1, 'reason', code)
      expect(await open().load(KEY)).toEqual({ generation: 1, tokens: FULL, lastError: 'reason', lastErrorCode: code })
      const [row] = await store.list()
      expect(row).toMatchObject({ signedIn: true, refreshable: false, lastError: 'reason', lastErrorCode: code })
      expect(store.unchanged(KEY, 1)).toBe(true)
    })

    test('are forgotten with the next sign-in, and with a sign-out', async () => {
      const { store } = setUp()
      await store.replace(KEY, FULL, 0)
      await store.unrenewable(KEY, 1, 'reason', 'token_expired')
      await store.replace(KEY, FULL, 1)
      expect(await store.load(KEY)).toEqual({ generation: 2, tokens: FULL })
      await store.unrenewable(KEY, 2, 'reason', 'token_expired')
      await store.remove(KEY, 2)
      expect(await store.load(KEY)).toEqual({ generation: 3 })
    })

    test('of another generation, and where nobody is signed in, change nothing', async () => {
      const { store } = setUp()
      await store.unrenewable(KEY, 0, 'reason', 'token_expired')
      expect(await store.load(KEY)).toEqual({ generation: 0 })
      await store.replace(KEY, BARE, 0)
      await store.unrenewable(KEY, 0, 'reason', 'token_expired')
      expect(await store.load(KEY)).toEqual({ generation: 1, tokens: BARE })
      await store.remove(KEY, 1)
      await store.unrenewable(KEY, 2, 'reason', 'token_expired')
      expect(await store.load(KEY)).toEqual({ generation: 2 })
    })
  })

  describe('a new token that the server refuses', () => {
    test('is reported with its time, until the next token set', async () => {
      const { store, clock } = setUp()
      await store.replace(KEY, FULL, 0)
      clock.advance(1_000)
      await store.refuse(KEY, 1)
      expect(await store.load(KEY)).toEqual({ generation: 1, refusedAt: NOON + 1_000, tokens: FULL })
      await store.replace(KEY, BARE, 1)
      expect(await store.load(KEY)).toEqual({ generation: 2, tokens: BARE })
    })

    test('stays refused after its token set is removed', async () => {
      const { store } = setUp()
      await store.replace(KEY, BARE, 0)
      await store.refuse(KEY, 1)
      await store.remove(KEY, 1, 'gone')
      expect(await store.load(KEY)).toEqual({ generation: 2, refusedAt: NOON, lastError: 'gone' })
    })

    test('of another generation changes nothing', async () => {
      const { store } = setUp()
      await store.refuse(KEY, 0)
      expect(await store.load(KEY)).toEqual({ generation: 0 })
      await store.replace(KEY, BARE, 0)
      await store.refuse(KEY, 0)
      expect(await store.load(KEY)).toEqual({ generation: 1, tokens: BARE })
    })
  })

  test('a row is unchanged while its generation is the same, whoever changes it; 5 s later at the latest', async () => {
    const { store, open, clock } = setUp()
    expect(store.unchanged(KEY, 0)).toBe(false)
    await store.replace(KEY, BARE, 0)
    expect([store.unchanged(KEY, 1), store.unchanged(KEY, 0), store.unchanged(WORK, 1)]).toEqual([true, false, false])
    await open().remove(KEY, 1)
    clock.advance(5_000)
    expect(store.unchanged(KEY, 1)).toBe(false)
    await store.load(KEY)
    expect([store.unchanged(KEY, 1), store.unchanged(KEY, 2)]).toEqual([false, true])
  })

  test('one of 20 processes changes a generation, and one is the first to spend it', async () => {
    const all = Array.from({ length: 20 }, setUp().open)
    for (const generation of [0, 1, 2]) {
      const won = await Promise.all(all.map((store) => store.replace(KEY, generation % 2 ? BARE : FULL, generation)))
      expect(won.filter(Boolean)).toHaveLength(1)
      const spent = await Promise.all(all.map((store) => store.spend(KEY, generation + 1)))
      expect(spent.filter((which) => which === 'first')).toHaveLength(1)
      expect(spent).not.toContain('gone')
      expect((await all[7]?.load(KEY))?.tokens).toEqual(generation % 2 ? BARE : FULL)
    }
    const ended = all.map((store, index) => (index % 2 ? store.remove(KEY, 3) : store.replace(KEY, BARE, 3)))
    expect((await Promise.all(ended)).filter(Boolean)).toHaveLength(1)
  })

  test('the list shows every account and no secret', async () => {
    const { store } = setUp()
    const SERVICE = { ...KEY, profile: 'service' }
    await store.replace(WORK, FULL, 0)
    await store.replace(SERVICE, OF_A_PROGRAM, 0)
    await store.replace(KEY, FULL, 0)
    await store.remove(WORK, 1, 'gone')
    const known = { issuer: 'https://as.example', subject: 'ada', email: 'ada@example.com', scope: 'a b' }
    const list = await store.list()
    expect(list).toEqual([
      { ...KEY, ...known, generation: 1, signedIn: true, refreshable: true, expiresAt: FULL.expiresAt },
      { ...SERVICE, generation: 1, signedIn: true, refreshable: true, issuer: 'https://as.example' },
      { ...WORK, ...known, generation: 2, signedIn: false, refreshable: false, lastError: 'gone' },
    ])
    expect(JSON.stringify(list)).not.toContain('secret')
  })
})
