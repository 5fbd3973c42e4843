// Files as editors and shells of several systems save them.
import { expect, test } from 'vitest'
import { decodeText } from '../../../src/disk/decodeText.ts'

const TEXT = 'url: https://mcp.example/mcp # Jörg 🙂\r\n'
const utf16 = (text: string) => Buffer.from(text, 'utf16le')

test.each([
  ['UTF-8', Buffer.from(TEXT)],
  ['UTF-8 with a byte order mark', Buffer.from(`\ufeff${TEXT}`)],
  ['UTF-16 LE, as PowerShell’s > writes it', utf16(`\ufeff${TEXT}`)],
  ['UTF-16 BE', utf16(`\ufeff${TEXT}`).swap16()],
])('%s is read, without its mark', (_, bytes) => {
  expect(decodeText(bytes)).toBe(TEXT)
})

test('an empty file, and one with a mark only, is an empty text', () => {
  for (const bytes of [Buffer.alloc(0), Buffer.from('\ufeff'), utf16('\ufeff'), utf16('\ufeff').swap16()])
    expect(decodeText(bytes)).toBe('')
})

test.each([
  ['UTF-16 LE without a mark', utf16(TEXT)],
  ['UTF-16 BE without a mark', utf16(TEXT).swap16()],
  ['UTF-16 of an odd length', Buffer.concat([utf16(`\ufeff${TEXT}`), Buffer.of(0x61)])],
  ['half a surrogate pair', utf16('\ufeff\ud83d')],
  ['UTF-32 LE', Buffer.of(0xff, 0xfe, 0, 0, 0x61, 0, 0, 0)],
  ['Windows-1252', Buffer.from('J\u00f6rg', 'latin1')],
  ['a program', Buffer.of(0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, 0)],
])('%s is not guessed', (_, bytes) => {
  expect(decodeText(bytes)).toBeUndefined()
})
