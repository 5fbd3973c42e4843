// SHA-256 as base64url: how tokens, codes and states are looked up, kept and compared
import { createHash } from 'node:crypto'

export const sha256 = (text: string): string => createHash('sha256').update(text).digest('base64url')
