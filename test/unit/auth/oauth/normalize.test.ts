// Loose answers of authorization servers, repaired; strict ones left alone.
import { describe, expect, test } from 'vitest'
import { normalized, normalizedDocument } from '../../../../src/auth/oauth/normalize.ts'

const JSON_TYPE = 'application/json; charset=utf-8'
const FORM_TYPE = 'application/x-www-form-urlencoded; charset=utf-8'
const read = (body: string, contentType = JSON_TYPE, status = 200) => {
  const answer = normalized({ status, contentType, body })
  return { status: answer.status, contentType: answer.contentType, ...JSON.parse(answer.body) }
}

describe('an answer', () => {
  test.each([
    { status: 200, contentType: 'application/json', body: '{"access_token":"a","token_type":"bearer"}' },
    { status: 400, contentType: 'application/json', body: '{"error":"invalid_grant"}' },
    { status: 200, contentType: 'text/html', body: '<html>' },
    { status: 400, contentType: 'text/html', body: '<html><a href="?error=invalid_client&x=y">' },
    { status: 200, contentType: JSON_TYPE, body: '{' },
    { status: 200, contentType: JSON_TYPE, body: 'null' },
    { status: 200, contentType: JSON_TYPE, body: '[]' },
    { status: 200, contentType: 'text/plain', body: 'Please sign in: error=none' },
    { status: 503, contentType: 'text/plain', body: 'busy' },
  ])('that is $status $body stays unchanged', (answer) => {
    expect(normalized(answer)).toEqual(answer)
  })

  test.each([200, 201, 202])('that is an error with status %i becomes 400', (status) => {
    expect(read('{"error":"bad_verification_code"}', JSON_TYPE, status)).toMatchObject({
      ...{ status: 400, error: 'bad_verification_code' },
    })
  })

  test('that has both tokens and an error is a success', () => {
    expect(read('{"access_token":"a","error":""}').status).toBe(200)
  })

  test('that is form-encoded becomes JSON, with its seconds as a number', () => {
    const body = 'access_token=a%2Bb&token_type=bearer&expires_in=28800&scope=repo%2Cgist'
    expect(read(body, FORM_TYPE)).toEqual({
      ...{ status: 200, contentType: 'application/json' },
      ...{ access_token: 'a+b', token_type: 'bearer', expires_in: 28_800, scope: 'repo,gist' },
    })
  })

  test.each([
    [503, ''],
    [500, 'message=busy'],
    [400, 'access_token=a&token_type=bearer'],
  ])('that is form-encoded with status %i and no error keeps its status: %s', (status, body) => {
    expect(normalized({ status, contentType: FORM_TYPE, body }).status).toBe(status)
  })

  test('that is form-encoded with an error becomes a 400 in JSON', () => {
    expect(read('error=slow_down&interval=10', FORM_TYPE).status).toBe(400)
  })

  test.each([
    ['text/plain', '{"access_token":"a"}'],
    ['text/html; charset=UTF-8', '{"access_token":"a"}'],
    ['', '{"access_token":"a"}'],
    ['application/octet-stream', '{"access_token":"a"}'],
    ['Application/JSON', '{"access_token":"a"}'],
    ['application/vnd.api+json', '{"access_token":"a"}'],
    ['application/json', '\ufeff{"access_token":"a"}'],
    ['application/json', ' \r\n{"access_token":"a"}\n'],
    ['text/plain', 'access_token=a&token_type=bearer'],
    ['text/html', 'access_token=a'],
    ['', 'token_type=bearer&access_token=a\n'],
    ['application/json', 'access_token=a&scope=b+c'],
  ])('with tokens counts under the content type %j: %j', (contentType, body) => {
    expect(read(body, contentType)).toMatchObject({ contentType: 'application/json', access_token: 'a' })
  })

  test.each([
    ['text/plain', '{"error":"invalid_grant"}'],
    ['text/html', '{"error":"invalid_grant"}'],
    ['', '{"error":["invalid_grant"]}'],
    ['application/problem+json', '{"error":" invalid_grant "}'],
    ['application/json', '\ufeff{"error":{"code":"invalid_grant","message":"gone"}}'],
    ['application/json', '{"error":{"type":"invalid_grant"}}'],
    ['text/plain', 'error=invalid_grant&error_description=gone'],
  ])('with an error counts under the content type %j: %j', (contentType, body) => {
    expect(read(body, contentType, 400)).toMatchObject({
      ...{ status: 400, contentType: 'application/json', error: 'invalid_grant' },
    })
  })

  test.each([
    ['a list', '["one","two"]', 'one two'],
    ['null', 'null', undefined],
    ['an object', '{"a":1}', undefined],
    ['a text', '"one"', 'one'],
  ])('with an error keeps a description that is %s', (_, description, kept) => {
    expect(read(`{"error":"x","error_description":${description}}`, JSON_TYPE, 400).error_description).toBe(kept)
  })
})

describe('tokens one level deeper', () => {
  test.each([
    '{"ok":true,"authed_user":{"id":"U1","access_token":"a","token_type":"user"}}',
    '{"data":{"access_token":"a"},"message":"success","error":""}',
    '{"code":0,"result":{"access_token":"a"},"other":{"id":1}}',
  ])('are found where only one member has them: %s', (body) => {
    expect(read(body)).toMatchObject({ status: 200, access_token: 'a', token_type: 'bearer' })
  })

  test.each([
    '{"bot":{"access_token":"a"},"user":{"access_token":"b"}}',
    '{"ok":false,"authed_user":{"access_token":"a"}}',
    '{"error":"no","data":{"access_token":"a"}}',
    '{"error":{"access_token":"missing"}}',
    '{"errors":{"access_token":["missing"]}}',
    '{"ok":true,"Errors":{"access_token":"missing"}}',
    '{"data":{"deeper":{"access_token":"a"}}}',
    '{"data":[{"access_token":"a"}]}',
  ])('are not guessed: %s', (body) => {
    expect(read(body).access_token).toBeUndefined()
  })
})

describe('the token type', () => {
  const typeOf = (token_type: unknown, otherType: 'bearer' | 'dpop' | 'refused') => {
    const body = JSON.stringify({ access_token: 'a', token_type })
    const answer = normalized({ status: 200, contentType: JSON_TYPE, body }, { idToken: 'read', otherType })
    return JSON.parse(answer.body).token_type
  }
  const OTHERS = ['user', 'access_token', 'JWT', 'mac', 'urn:ietf:params:oauth:token-type:access_token', 'Bearer Token']

  test.each([undefined, null, '', ' ', 1, true, {}, [], ['Bearer'], 'Bearer', 'Bearer ', 'BEARER', ...OTHERS])(
    'is bearer where no key was offered: %j',
    (value) => {
      expect(typeOf(value, 'bearer')).toBe('bearer')
    },
  )

  test.each(OTHERS)('%s stays what it is where a key was offered, so that it is refused', (value) => {
    expect(typeOf(value, 'refused')).toBe(value.toLowerCase())
  })

  test.each(OTHERS)('%s is what it was before, after the refresh of bound tokens', (value) => {
    expect(typeOf(value, 'dpop')).toBe('dpop')
    expect(typeOf('Bearer', 'dpop')).toBe('bearer')
  })
})

describe('a document', () => {
  test.each(['', 'text/plain', 'application/octet-stream', 'Application/JSON'])(
    'in JSON counts under the content type %j',
    (contentType) => {
      expect(normalizedDocument({ status: 203, contentType, body: '\ufeff{"keys":[]}' })).toEqual({
        ...{ status: 200, contentType: 'application/json', body: '{"keys":[]}' },
      })
    },
  )

  test('may have a number as its subject', () => {
    const answer = normalizedDocument({ status: 200, contentType: JSON_TYPE, body: '{"sub":42,"name":"Ada"}' })
    expect(JSON.parse(answer.body)).toEqual({ sub: '42', name: 'Ada' })
  })

  test.each([
    { status: 200, contentType: 'application/jwt', body: 'e30.e30.x' },
    { status: 200, contentType: 'text/html', body: '<html>' },
    { status: 404, contentType: 'application/json', body: '{"keys":[]}' },
  ])('that is $status $contentType stays unchanged', (answer) => {
    expect(normalizedDocument(answer)).toBe(answer)
  })
})
