// GET /.well-known/jwks.json: the public keys with which servers check assertions (RFC 7517)
import type { Handler } from '../../ports.ts'
import type { SigningKeys } from './signingKeys.ts'

export function createJwksHandler(keys: Pick<SigningKeys, 'published'>): Handler {
  return async (_request, response) => {
    const body = Buffer.from(JSON.stringify(await keys.published()))
    response.statusCode = 200
    response.setHeader('Content-Type', 'application/jwk-set+json')
    // A new key is published a day before it is used.
    response.setHeader('Cache-Control', 'public, max-age=300')
    response.setHeader('Content-Length', body.byteLength)
    response.end(body)
  }
}
