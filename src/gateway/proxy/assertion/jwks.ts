// GET /.well-known/jwks.json: the public keys with which servers check assertions (RFC 7517)
import { sendJson } from '../../http/answer.ts'
import type { Handler } from '../../ports.ts'
import type { SigningKeys } from './signingKeys.ts'

export function createJwksHandler(keys: Pick<SigningKeys, 'published'>): Handler {
  return async (_request, response) => {
    sendJson(response, 200, await keys.published(), {
      'Content-Type': 'application/jwk-set+json',
      // A new key is published a day before it is used.
      'Cache-Control': 'public, max-age=300',
    })
  }
}
