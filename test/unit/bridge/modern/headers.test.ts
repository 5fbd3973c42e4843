// The headers of a message to a 2026 server say what its body says, whatever that is, and are always headers.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseMessage } from '../../../../src/bridge/message/message.ts'
import { encodeHeaderValue, modernHeaders } from '../../../../src/bridge/modern/headers.ts'

const VERSION = 'io.modelcontextprotocol/protocolVersion'
const of = (text: string) => {
  const message = parseMessage(Buffer.from(text))
  if (!message) throw new Error(`no message: ${text}`)
  return modernHeaders(message)
}
const request = (method: string, params?: unknown) => of(JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }))
const version = { 'mcp-protocol-version': '2026-07-28' }

/** A decoder that shares nothing with the encoder: byte by byte, as the specification describes the form. */
function decode(value: string): string {
  if (!value.startsWith('=?base64?') || !value.endsWith('?=')) return value
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
  const digits = value.slice(9, -2)
  if (digits.length % 4 !== 0) throw new Error(`padding: ${value}`)
  const bits = [...digits.replace(/={1,2}$/, '')].map((digit) => {
    const at = alphabet.indexOf(digit)
    if (at === -1) throw new Error(`digit: ${value}`)
    return at.toString(2).padStart(6, '0')
  })
  const octets = bits.join('').match(/.{8}/g) ?? []
  return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(
    Uint8Array.from(octets.map((octet) => Number.parseInt(octet, 2))),
  )
}

const isFieldValue = (value: string) =>
  value.length > 0 && value.trim() === value && [...value].every((one) => one === '\t' || (one >= ' ' && one <= '~'))

describe('a value of a header', () => {
  test('is read by a decoder as it was, for any text, and never breaks the header', () => {
    const unit = fc.constantFrom('grapheme', 'binary', 'grapheme-ascii', 'binary-ascii') as fc.Arbitrary<'grapheme'>
    const text = unit.chain((one) => fc.string({ unit: one }))
    const shaped = text.map((one) => `=?base64?${one}?=`)
    fc.assert(
      fc.property(fc.oneof(text, shaped, shaped.map(encodeHeaderValue)), (value) => {
        const encoded = encodeHeaderValue(value)
        expect(isFieldValue(encoded)).toBe(true)
        expect(decode(encoded)).toBe(value)
        if (isFieldValue(value) && decodesToItself(value)) expect(encoded).toBe(value)
      }),
      { numRuns: 500 },
    )
  })

  const decodesToItself = (value: string) => !(value.startsWith('=?base64?') && value.endsWith('?='))

  test.each([
    ['us-west1', 'us-west1'],
    ['Hello, 世界', '=?base64?SGVsbG8sIOS4lueVjA==?='],
    [' padded ', '=?base64?IHBhZGRlZCA=?='],
    ['line1\nline2', '=?base64?bGluZTEKbGluZTI=?='],
    ['=?base64?literal?=', '=?base64?PT9iYXNlNjQ/bGl0ZXJhbD89?='],
    ['=?base64?=', '=?base64?PT9iYXNlNjQ/PQ==?='],
    ['=?base64?open', '=?base64?open'],
    ['=?BASE64?literal?=', '=?BASE64?literal?='],
    ['a\tb  c', 'a\tb  c'],
    ['\ta', '=?base64?CWE=?='],
    ['', '=?base64??='],
    ['\u007f', '=?base64?fw==?='],
    ['\ud800', '=?base64?77+9?='],
  ])('%j becomes %s', (value, encoded) => {
    expect(encodeHeaderValue(value)).toBe(encoded)
  })
})

describe('the headers of a message', () => {
  test.each([
    ['tools/call', { name: 'sql', arguments: { name: 'no' } }, 'sql'],
    ['prompts/get', { name: 'greet' }, 'greet'],
    ['resources/read', { uri: 'file:///a b', name: 'no' }, 'file:///a b'],
    ['resources/read', { uri: 'file:///ü' }, '=?base64?ZmlsZTovLy/DvA==?='],
    ['tasks/get', { taskId: '7' }, '7'],
    ['tasks/update', { taskId: 'a' }, 'a'],
    ['tasks/cancel', { taskId: 'a' }, 'a'],
  ])('%s: %j is named', (method, params, name) => {
    expect(request(method, params)).toEqual({ ...version, 'mcp-method': method, 'mcp-name': name })
  })

  test.each([
    ['tools/list', { name: 'sql', uri: 'a', taskId: 'b' }],
    ['tools/call', undefined],
    ['tools/call', null],
    ['tools/call', ['name']],
    ['tools/call', { name: 7 }],
    ['tools/call', { name: null }],
    ['tools/call', { arguments: { name: 'no' } }],
    ['tasks/result', { taskId: 'a' }],
    ['toString', { name: 'no' }],
    ['__proto__', { name: 'no' }],
  ])('%s: %j has no name', (method, params) => {
    expect(request(method, params)).toEqual({ ...version, 'mcp-method': method })
  })

  test('repeat the revision that the message names, else ours', () => {
    const named = (meta: unknown) => request('ping', { _meta: meta })['mcp-protocol-version']
    expect(named({ [VERSION]: '2031-01-01' })).toBe('2031-01-01')
    expect(named({ [VERSION]: '2026-07-28\r\nx: y' })).toBe(encodeHeaderValue('2026-07-28\r\nx: y'))
    for (const odd of [undefined, null, [], 'x', {}, { [VERSION]: null }, { [VERSION]: 7 }])
      expect(named(odd)).toBe('2026-07-28')
  })

  test('take the last of two members with one name, and names that are written with escapes', () => {
    const params = '{"name":"a","\\u006eame":"b"}'
    expect(of(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":${params}}`)['mcp-name']).toBe('b')
    const twice = '"params":{"name":"a"},"params":{"arguments":{}}'
    expect(of(`{"jsonrpc":"2.0","id":1,"method":"tools/call",${twice}}`)['mcp-name']).toBeUndefined()
    const gone = `"params":{"name":"a","_meta":{"${VERSION}":"x"}},"params":7`
    expect(of(`{"jsonrpc":"2.0","id":1,"method":"tools/call",${gone}}`)).toEqual({
      ...version,
      'mcp-method': 'tools/call',
    })
  })

  test('name no method where nothing is asked', () => {
    expect(of('{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}')).toEqual(version)
    expect(of('{"jsonrpc":"2.0","id":1,"result":{"params":{"name":"a"}}}')).toEqual(version)
    expect(of('[{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a"}}]')).toEqual(version)
  })

  test('are headers for any method', () => {
    expect(request('a\r\nx: y')['mcp-method']).toBe(encodeHeaderValue('a\r\nx: y'))
    expect(request('ü')['mcp-method']).toBe('=?base64?w7w=?=')
  })
})
