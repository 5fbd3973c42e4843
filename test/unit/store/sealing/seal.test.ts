// The seal: opens in its own place, and nowhere else, and never after a change.
import { randomBytes } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { createSeal, fingerprint, type Place } from '../../../../src/store/sealing/seal.ts'
import { codeOf, errorOf } from '../../../fakes/thrown.ts'

const KEY = randomBytes(32)
const PLACE: Place = ['tokens', 'https://mcp.example/mcp', 'default', 'access_token']
const SECRET = 'access-token-0123456789'
const seal = createSeal(KEY)

describe('a sealed secret', () => {
  test.each(['', 'a', SECRET, 'ünï😀', 'x'.repeat(65_536)])('opens to what it was', (secret) => {
    expect(seal.open(seal.seal(secret, PLACE), PLACE)).toBe(secret)
  })

  test('reveals nothing of the secret', () => {
    const sealed = seal.seal(SECRET, PLACE)
    expect(sealed).not.toContain(SECRET)
    expect(Buffer.from(sealed.split('.')[2] ?? '', 'base64url').includes(SECRET)).toBe(false)
  })

  test('is a different text each time', () => {
    expect(new Set(Array.from({ length: 100 }, () => seal.seal(SECRET, PLACE))).size).toBe(100)
  })

  test('names its version and key', () => {
    const [version, key, ...rest] = seal.seal(SECRET, PLACE).split('.')
    expect([version, key, rest.length]).toEqual(['v1', fingerprint(KEY), 1])
  })

  test.each([
    ['table', ['clients', 'https://mcp.example/mcp', 'default', 'access_token']],
    ['row', ['tokens', 'https://evil.example/mcp', 'default', 'access_token']],
    ['profile', ['tokens', 'https://mcp.example/mcp', 'work', 'access_token']],
    ['column', ['tokens', 'https://mcp.example/mcp', 'default', 'refresh_token']],
    ['order', ['tokens', 'default', 'https://mcp.example/mcp', 'access_token']],
    ['split', ['tokens', 'https://mcp.example/mcp default', 'access_token']],
    ['length', ['tokens', 'https://mcp.example/mcp', 'default', 'access_token', '']],
  ] as [string, Place][])('does not open with another %s', async (_, place) => {
    expect(await codeOf(() => seal.open(seal.seal(SECRET, PLACE), place))).toBe('seal_broken')
  })

  test('does not open with another key', async () => {
    const other = createSeal(randomBytes(32))
    expect(await codeOf(() => other.open(seal.seal(SECRET, PLACE), PLACE))).toBe('seal_broken')
  })

  test('of another key does not open when it is relabeled', async () => {
    const [, , box] = createSeal(randomBytes(32)).seal(SECRET, PLACE).split('.')
    expect(await codeOf(() => seal.open(`v1.${fingerprint(KEY)}.${box}`, PLACE))).toBe('seal_broken')
  })
})

describe('every single-bit flip is detected', () => {
  test('in nonce, ciphertext and tag', async () => {
    const [version, key, text = ''] = seal.seal(SECRET, PLACE).split('.')
    const box = Buffer.from(text, 'base64url')
    for (let bit = 0; bit < box.length * 8; bit++) {
      const flipped = Buffer.from(box)
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      expect(await codeOf(() => seal.open(`${version}.${key}.${flipped.toString('base64url')}`, PLACE))).toBe(
        'seal_broken',
      )
    }
  })

  test.each([22, 23, 24])('in the stored text of a secret of %i bytes', async (length) => {
    const bytes = Buffer.from(seal.seal('x'.repeat(length), PLACE))
    const opened: string[] = []
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const flipped = Buffer.from(bytes)
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      try {
        seal.open(flipped.toString('latin1'), PLACE)
        opened.push(`bit ${bit & 7} of character ${bit >> 3} of ${bytes.length}`)
      } catch (thrown) {
        expect(thrown).toMatchObject({ code: 'seal_broken' })
      }
    }
    expect(opened).toEqual([])
  })
})

test.each([22, 23, 24])('a sealed secret of %i bytes has one text only: no other last character opens it', (length) => {
  const sealed = seal.seal('x'.repeat(length), PLACE)
  const others = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'.replace(sealed.slice(-1), '')
  const opened = [...others, '', '=', '+', ' ', '\n'].filter((last) => {
    try {
      seal.open(sealed.slice(0, -1) + last, PLACE)
      return true
    } catch {
      return false
    }
  })
  expect(opened).toEqual([])
})

describe('a text that was never sealed', () => {
  const id = fingerprint(KEY)
  test.each([
    ['nothing', ''],
    ['a plain token', SECRET],
    ['dots', '...'],
    ['no box', `v1.${id}`],
    ['an empty box', `v1.${id}.`],
    ['a short box', `v1.${id}.${Buffer.alloc(27).toString('base64url')}`],
    ['zeros', `v1.${id}.${Buffer.alloc(60).toString('base64url')}`],
    ['another version', `v2.${id}.${Buffer.alloc(60).toString('base64url')}`],
  ])('%s is seal_broken', async (_, text) => {
    const error = await errorOf(() => seal.open(text, PLACE))
    expect(error.code).toBe('seal_broken')
    expect(error.details).toEqual({ table: 'tokens' })
  })

  test('a sealed secret with something after it is seal_broken', async () => {
    expect(await codeOf(() => seal.open(`${seal.seal(SECRET, PLACE)}.more`, PLACE))).toBe('seal_broken')
  })
})

test('a fingerprint identifies a key and reveals nothing of it', () => {
  expect(fingerprint(KEY)).toMatch(/^[0-9a-f]{16}$/)
  expect(fingerprint(Buffer.from(KEY))).toBe(fingerprint(KEY))
  expect(fingerprint(randomBytes(32))).not.toBe(fingerprint(KEY))
  expect(KEY.toString('hex')).not.toContain(fingerprint(KEY))
})
