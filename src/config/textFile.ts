// Reads the small files that a config names: secrets, headers, keys, certificates.
import { readFileSync, statSync } from 'node:fs'
import { decodeText, ENCODINGS } from '../disk/decodeText.ts'
import { BridgeError } from '../errors.ts'
import { quote } from '../redaction/text.ts'

/** A bundle of every authority there is has a quarter of a megabyte. */
const LARGEST_FILE = 4 * 1024 * 1024

/** A secret or header file: its text without the last line break. @throws BridgeError config_not_found, config_invalid */
export function readTextFile(path: string, what: string): string {
  const text = decodeText(readWhole(path, what))
  if (text !== undefined) return text.replace(/\r?\n$/, '')
  throw new BridgeError('config_invalid', {
    message: `The ${what} ${quote(path)} is not ${ENCODINGS}.`,
    hint: 'Save it as UTF-8.',
  })
}

function readWhole(path: string, what: string): Buffer {
  try {
    const found = statSync(path)
    if (found.isCharacterDevice() || found.size > LARGEST_FILE) throw new Error('a device, or larger than 4 MB')
    return readFileSync(path)
  } catch (cause) {
    throw new BridgeError('config_not_found', {
      message: `The ${what} ${quote(path)} cannot be read.`,
      hint: 'Check the path.',
      cause,
    })
  }
}
