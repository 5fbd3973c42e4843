// Loose answers of token endpoints, repaired; strict ones left alone.
import { describe, expect, test } from 'vitest'
import { normalized } from '../../../../src/auth/oauth/normalize.ts'

const JSON_TYPE = 'application/json; charset=utf-8'
const FORM_TYPE = 'application/x-www-form-urlencoded; charset=utf-8'

describe('an answer', () => {
  test.each([
    { status: 200, contentType: JSON_TYPE, body: '{"access_token":"a","token_type":"bearer"}' },
    { status: 400, contentType: JSON_TYPE, body: '{"error":"invalid_grant"}' },
    { status: 200, contentType: 'text/html', body: '<html>' },
    { status: 200, contentType: JSON_TYPE, body: '{' },
    { status: 200, contentType: JSON_TYPE, body: 'null' },
    { status: 200, contentType: JSON_TYPE, body: '[]' },
  ])('that is $status $body stays unchanged', (answer) => {
    expect(normalized(answer)).toBe(answer)
  })

  test('that is an error with status 200 becomes 400', () => {
    const answer = { status: 200, contentType: JSON_TYPE, body: '{"error":"bad_verification_code"}' }
    expect(normalized(answer)).toMatchObject({ status: 400, body: answer.body })
  })

  test('that has both tokens and an error is a success', () => {
    const body = '{"access_token":"a","error":""}'
    expect(normalized({ status: 200, contentType: JSON_TYPE, body }).status).toBe(200)
  })

  test('that is form-encoded becomes JSON, with its seconds as a number', () => {
    const body = 'access_token=a%2Bb&token_type=bearer&expires_in=28800&scope=repo%2Cgist'
    const { status, contentType, body: json } = normalized({ status: 200, contentType: FORM_TYPE, body })
    expect({ status, contentType, ...JSON.parse(json) }).toEqual({
      ...{ status: 200, contentType: 'application/json' },
      ...{ access_token: 'a+b', token_type: 'bearer', expires_in: 28_800, scope: 'repo,gist' },
    })
  })

  test('that is form-encoded with an error becomes a 400 in JSON', () => {
    expect(normalized({ status: 200, contentType: FORM_TYPE, body: 'error=slow_down&interval=10' }).status).toBe(400)
  })
})
