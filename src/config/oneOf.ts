// Checks that the value of a flag is one of a fixed list.
import { BridgeError } from '../errors.ts'
import { quote } from '../redaction/text.ts'
import { nearest } from './file/nearest.ts'

/** @throws BridgeError usage, with the word most likely meant */
export function oneOf<T extends string>(flag: string, value: string | undefined, known: readonly T[]): T | undefined {
  if (value === undefined || known.includes(value as T)) return value as T | undefined
  const near = nearest(value, known)
  throw new BridgeError('usage', {
    message: `${flag} ${quote(value)} is not one of ${known.join(', ')}${near === undefined ? '.' : `; did you mean ${quote(near)}?`}`,
  })
}
