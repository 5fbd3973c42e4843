// What a resource server checks of a DPoP proof (RFC 9449 section 4.3), with a nonce that changes with every answer.
import { createHash, randomUUID } from 'node:crypto'
import { calculateJwkThumbprint, decodeJwt, EmbeddedJWK, type JWK, jwtVerify } from 'jose'

export function createDpopCheck() {
  const seen: Set<string> = new Set()
  let nonce = randomUUID()
  return {
    /** Goes into DPoP-Nonce of every answer. */
    get nonce() {
      return nonce
    },
    /** 'use_dpop_nonce', or undefined when the proof is good. Throws what is wrong with it. */
    async check({ method, url, token, proof }: { method: string; url: string; token: string; proof: string }) {
      const { payload, protectedHeader } = await jwtVerify(proof, EmbeddedJWK, {
        typ: 'dpop+jwt',
        algorithms: ['ES256'],
      })
      if (protectedHeader.jwk && 'd' in protectedHeader.jwk) throw new Error('the private key is in the proof')
      const { jti, htm, htu, ath } = payload
      if (htm !== method || htu !== url) throw new Error(`a proof for ${htm} ${htu}, not for ${method} ${url}`)
      if (ath !== createHash('sha256').update(token).digest('base64url')) throw new Error('a proof for another token')
      if (seen.has(String(jti))) throw new Error('a proof that was used before')
      seen.add(String(jti))
      const bound = decodeJwt(token).cnf as { jkt?: string } | undefined
      const thumbprint = await calculateJwkThumbprint(protectedHeader.jwk as JWK)
      if (bound?.jkt !== thumbprint) throw new Error('a token that is bound to another key')
      if (payload.nonce !== nonce) return 'use_dpop_nonce'
      nonce = randomUUID()
      return undefined
    },
  }
}
