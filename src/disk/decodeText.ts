// The text of a file that a person wrote: in UTF-8, or in UTF-16 as PowerShell's > writes it.

/** Byte order marks (Unicode 16, section 23.8) and what they announce. */
const MARKED = [
  [[0xef, 0xbb, 0xbf], 'utf-8'],
  [[0xff, 0xfe], 'utf-16le'],
  [[0xfe, 0xff], 'utf-16be'],
] as const

/** Without its byte order mark; undefined: it is in another encoding, or not text. */
export function decodeText(bytes: Uint8Array): string | undefined {
  const encoding = MARKED.find(([mark]) => mark.every((byte, at) => bytes[at] === byte))?.[1] ?? 'utf-8'
  try {
    const text = new TextDecoder(encoding, { fatal: true }).decode(bytes)
    // UTF-16 without a mark, and UTF-32.
    return text.includes('\0') ? undefined : text
  } catch {
    return undefined
  }
}

/** For the error about a file that {@link decodeText} does not read. */
export const ENCODINGS = 'text in UTF-8, or in UTF-16 with a byte order mark'
