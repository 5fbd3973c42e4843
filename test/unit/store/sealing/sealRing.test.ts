// The ring of sealing keys: seals with the first key, opens with any of them.
import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { createSeal, createSealRing, fingerprint, type Place } from '../../../../src/store/sealing/seal.ts'
import { codeOf } from '../../../fakes/thrown.ts'

const [OLD, NEW, OTHER] = [randomBytes(32), randomBytes(32), randomBytes(32)]
const PLACE: Place = ['oauth_clients', 'client', 'client_secret']
const SECRET = 'client-secret-0123456789'

test('a ring seals with its first key', () => {
  const ring = createSealRing([NEW, OLD])
  expect(ring.seal(SECRET, PLACE).split('.')[1]).toBe(fingerprint(NEW))
  expect(createSeal(NEW).open(ring.seal(SECRET, PLACE), PLACE)).toBe(SECRET)
})

test.each([
  ['first', [OLD, NEW, OTHER]],
  ['second', [NEW, OLD, OTHER]],
  ['last', [NEW, OTHER, OLD]],
])('a ring opens and believes what its %s key has sealed', (_, keys) => {
  const [seal, ring] = [createSeal(OLD), createSealRing(keys)]
  expect(ring.open(seal.seal(SECRET, PLACE), PLACE)).toBe(SECRET)
  expect(ring.isMark(seal.mark(['row']), ['row'])).toBe(true)
})

test('a key is changed without a pause: replicas with the new key last, then first, open each other’s texts', () => {
  const [before, after] = [createSealRing([OLD, NEW]), createSealRing([NEW, OLD])]
  for (const [sealer, opener] of [
    [before, after],
    [after, before],
  ] as const) {
    expect(opener.open(sealer.seal(SECRET, PLACE), PLACE)).toBe(SECRET)
    expect(opener.isMark(sealer.mark(['row']), ['row'])).toBe(true)
  }
})

test('a ring refuses what a key outside it has sealed or marked, also under the name of one inside', async () => {
  const [outside, ring] = [createSeal(OTHER), createSealRing([NEW, OLD])]
  const sealed = outside.seal(SECRET, PLACE)
  const box = sealed.split('.')[2]
  expect(await codeOf(() => ring.open(sealed, PLACE))).toBe('seal_broken')
  for (const key of [NEW, OLD])
    expect(await codeOf(() => ring.open(`v1.${fingerprint(key)}.${box}`, PLACE))).toBe('seal_broken')
  expect(ring.isMark(outside.mark(['row']), ['row'])).toBe(false)
})

test.each(['', '.', 'v1', 'v1..', 'v1.__proto__.AAAA', SECRET])(
  'a ring refuses a text that was never sealed',
  async (text) => {
    expect(await codeOf(() => createSealRing([NEW, OLD]).open(text, PLACE))).toBe('seal_broken')
  },
)

test('a ring refuses another place and other contents', async () => {
  const ring = createSealRing([NEW, OLD])
  const sealed = createSeal(OLD).seal(SECRET, PLACE)
  expect(await codeOf(() => ring.open(sealed, ['oauth_clients', 'other', 'client_secret']))).toBe('seal_broken')
  expect(ring.isMark(createSeal(OLD).mark(['row']), ['other'])).toBe(false)
})

test('a ring without a key is refused', async () => {
  expect(await codeOf(() => createSealRing([]))).toBe('key_missing')
})
