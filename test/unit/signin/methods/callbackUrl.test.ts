// What of a pasted address is read, and what is refused in words.
import { describe, expect, test } from 'vitest'
import { readPastedAddress } from '../../../../src/signin/methods/callbackUrl.ts'

const STATE = 'state-of-attempt-1'
const REDIRECT = 'http://localhost:8080/auth/callback'
const why = (pasted: string) => {
  const read = readPastedAddress(pasted, STATE)
  return read.kind === 'refused' ? read.why : undefined
}
const query = (pasted: string) => {
  const read = readPastedAddress(pasted, STATE)
  return read.kind === 'callback' ? Object.fromEntries(read.query) : undefined
}

describe('a pasted address', () => {
  test('gives code, state and iss, and nothing else of what is in it', () => {
    const more = 'session_state=x&redirect_uri=https://evil.example&code_verifier=y&resource=z'
    expect(query(`${REDIRECT}?code=a%2Fb&state=${STATE}&iss=https%3A%2F%2Fas.example&${more}#access_token=t`)).toEqual({
      ...{ code: 'a/b', state: STATE, iss: 'https://as.example' },
    })
  })

  test('gives an error with its description', () => {
    expect(query(`${REDIRECT}?error=access_denied&error_description=No.&state=${STATE}&error_uri=https://x`)).toEqual({
      ...{ error: 'access_denied', error_description: 'No.', state: STATE },
    })
  })

  test.each([
    `  ${REDIRECT}?code=c&state=${STATE}\r`,
    `"${REDIRECT}?code=c&state=${STATE}"`,
    `'${REDIRECT}?code=c&state=${STATE}'`,
    `<${REDIRECT}?code=c&state=${STATE}>`,
    `localhost:8080/auth/callback?code=c&state=${STATE}`,
    `127.0.0.1:8080/auth/callback?code=c&state=${STATE}`,
    `HTTP://LOCALHOST:8080/auth/callback?code=c&state=${STATE}`,
  ])('may come as %j', (pasted) => {
    expect(query(pasted)).toEqual({ code: 'c', state: STATE })
  })
})

describe('what is refused in words', () => {
  test.each(['SplxlOBeZQQYbYS6WxSbIA', 'code', 'code=c&state=s', '?code=c', 'javascript:alert(1)', 'file:///x?code=c'])(
    '%j is not an address',
    (pasted) => {
      expect(why(pasted)).toContain('not an address')
    },
  )

  test('the address to open', () => {
    expect(why(`https://as.example/authorize?response_type=code&client_id=x&state=${STATE}`)).toContain(
      'address to open',
    )
  })

  test.each([REDIRECT, `${REDIRECT}?state=${STATE}`, `${REDIRECT}?code=c`, `${REDIRECT}?code=&state=${STATE}`])(
    '%j has no code and state',
    (pasted) => {
      expect(why(pasted)).toContain('no code and state')
    },
  )

  test('another sign-in’s address, such as one that an attacker sends', () => {
    expect(why(`${REDIRECT}?code=of-the-attacker&state=state-of-attempt-2`)).toContain('another sign-in')
  })

  test.each(['code=c&code=d', 'code=c&iss=a&iss=b'])('a parameter twice: %s', (twice) => {
    expect(why(`${REDIRECT}?state=${STATE}&${twice}`)).toContain('twice')
    expect(why(`${REDIRECT}?code=c&state=${STATE}&state=x`)).toContain('twice')
  })

  test('and what was pasted is not repeated', () => {
    for (const pasted of ['needle', `${REDIRECT}?code=needle&state=needle`, `${REDIRECT}?code=needle`])
      expect(why(pasted)).not.toContain('needle')
  })
})
