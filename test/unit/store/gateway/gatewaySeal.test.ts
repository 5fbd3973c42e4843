// What goes through the hands of clients and browsers: opens in its own place only, under any key of the ring.
import { createHmac, hkdfSync, randomBytes } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { createGatewaySeal } from '../../../../src/store/gateway/gatewaySeal.ts'
import { createSeal, createSealRing } from '../../../../src/store/sealing/seal.ts'
import { codeOf } from '../../../fakes/thrown.ts'

const [OLD, NEW] = [randomBytes(32), randomBytes(32)]
const PLACE = ['session', 'https://mcp.example/mcp', 'person', 'client']
const seal = createGatewaySeal([NEW, OLD])
const TEXTS = ['', 'a', 'session-id-1', 'ünï😀', 'x'.repeat(4_096)]

describe('a sealed text', () => {
  test.each(TEXTS)('opens under its place, in every process with the key', (text) => {
    expect(createGatewaySeal([OLD, NEW]).open(seal.seal(text, PLACE), PLACE)).toBe(text)
  })

  test('has only characters that a header and a URL carry', () => {
    expect(seal.seal('ünï😀', PLACE)).toMatch(/^[\w.-]+$/)
  })

  test.each([
    ['no place', []],
    ['another person', ['session', 'https://mcp.example/mcp', 'other', 'client']],
    ['members in another order', ['session', 'https://mcp.example/mcp', 'client', 'person']],
    ['members split elsewhere', ['session', 'https://mcp.example/mcp', 'personclient']],
    ['one member more', [...PLACE, '']],
  ])('does not open under %s', (_, place) => {
    expect(seal.open(seal.seal('session-id-1', PLACE), place)).toBeUndefined()
  })

  test.each([
    ['nothing', () => ''],
    ['a text of somebody else', () => 'session-id-1'],
    ['one that is cut', () => seal.seal('session-id-1', PLACE).slice(0, -1)],
    ['one with something after it', () => `${seal.seal('session-id-1', PLACE)}.x`],
    ['one of another key', () => createGatewaySeal([randomBytes(32)]).seal('session-id-1', PLACE)],
    ['a secret of the database', () => createSealRing([NEW]).seal('session-id-1', ['gateway', ...PLACE])],
    ['a megabyte', () => 'v1.'.repeat(350_000)],
  ])('is not %s', (_, text) => {
    expect(seal.open(text(), PLACE)).toBeUndefined()
  })

  test('does not open as a secret of the database', async () => {
    const sealed = seal.seal('session-id-1', PLACE)
    expect(await codeOf(() => createSeal(NEW).open(sealed, ['gateway', ...PLACE]))).toBe('seal_broken')
  })
})

describe('a MAC', () => {
  test('is one of 32 bytes, the same each time', () => {
    expect(seal.mac('form', 'flow cookie')).toBe(createGatewaySeal([NEW]).mac('form', 'flow cookie'))
    expect(Buffer.from(seal.mac('form', ''), 'base64url')).toHaveLength(32)
  })

  test('is known under an earlier key of the ring, and under no other', () => {
    const mac = createGatewaySeal([OLD]).mac('form', 'text')
    expect(seal.isMac(mac, 'form', 'text')).toBe(true)
    expect(seal.isMac(seal.mac('form', 'text'), 'form', 'text')).toBe(true)
    expect(createGatewaySeal([NEW]).isMac(mac, 'form', 'text')).toBe(false)
  })

  test('is made with a key that HKDF-SHA-256 derives for its purpose', () => {
    const key = hkdfSync('sha256', NEW, 'mcp-oauth-bridge gateway', '["mac","form"]', 32)
    expect(seal.mac('form', 'text')).toBe(createHmac('sha256', Buffer.from(key)).update('text').digest('base64url'))
  })

  const mac = seal.mac('form', 'text')
  test.each([
    ['another purpose', mac, 'cookie', 'text'],
    ['another text', mac, 'form', 'text '],
    ['nothing', '', 'form', 'text'],
    ['a part of it', mac.slice(0, -2), 'form', 'text'],
    ['it with padding', `${mac}=`, 'form', 'text'],
    ['it with a space', `${mac} `, 'form', 'text'],
    ['another alphabet', Buffer.from(mac, 'base64url').toString('base64'), 'form', 'text'],
    ['something long', 'A'.repeat(100_000), 'form', 'text'],
  ])('is not believed for %s', (_, given, purpose, text) => {
    expect(seal.isMac(given, purpose, text)).toBe(false)
  })

  test('does not depend on where its purpose ends and its text begins', () => {
    expect(seal.mac('a', 'bc')).not.toBe(seal.mac('ab', 'c'))
  })
})

test('without a key there is no seal', async () => {
  expect(await codeOf(() => createGatewaySeal([]))).toBe('key_missing')
})
