// A seal that registers every secret it seals or opens, so that the secret is removed from all texts.
import { registerSecret } from '../../redaction/register.ts'
import type { Place, Seal } from './seal.ts'

/** The secret members of a sealed JSON text; the others are addresses and names. */
const SECRET_MEMBERS = /^(d|codeVerifier|nonce|state|deviceCode|clientSecret)$/

export function redactedSeal(seal: Seal): Seal {
  return {
    ...seal,
    seal(secret, place) {
      redact(secret, place)
      return seal.seal(secret, place)
    },
    open(sealed, place) {
      const secret = seal.open(sealed, place)
      redact(secret, place)
      return secret
    },
  }
}

function redact(secret: string, [table]: Place): void {
  const kind = table === 'clients' ? 'client' : table === 'tokens' ? 'token' : 'flow'
  registerSecret(secret.startsWith('{') ? membersOf(secret) : [secret], kind)
}

function membersOf(text: string): string[] {
  const found: string[] = []
  try {
    JSON.parse(text, (name, value) => {
      if (typeof value === 'string' && SECRET_MEMBERS.test(name)) found.push(value)
      return value
    })
  } catch {
    return [text]
  }
  return found
}
