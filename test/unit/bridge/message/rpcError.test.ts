// BridgeError → JSON-RPC error.
import { describe, expect, test } from 'vitest'
import { parseMessage } from '../../../../src/bridge/message/message.ts'
import { rpcError } from '../../../../src/bridge/message/rpcError.ts'
import { BridgeError, ERRORS, type ErrorCode } from '../../../../src/errors.ts'

const text = (id: string, error: BridgeError) => Buffer.from(rpcError(id, error)).toString('utf8')

describe('the error answer', () => {
  test('names source, code and hint, without control characters', () => {
    const error = new BridgeError('server_timeout', { message: 'Too "slow"\u2028.', hint: 'Wait.' })
    expect(JSON.parse(text('1', error))).toEqual({
      jsonrpc: '2.0',
      id: 1,
      error: {
        code: ERRORS.server_timeout.rpc,
        message: 'Too "slow" .',
        data: { source: 'mcp-oauth-bridge', code: 'server_timeout', hint: 'Wait.' },
      },
    })
  })

  test.each(['12345678901234567890', '"a\\"b"', '1.5', 'null'])('repeats the id %s as it was written', (id) => {
    expect(text(id, new BridgeError('internal'))).toContain(`"id":${id},`)
  })

  test('reveals neither cause nor details', () => {
    const error = new BridgeError('internal', { cause: new Error('secret-1'), details: { reason: 'secret-2' } })
    expect(text('1', error)).not.toContain('secret')
  })

  test('contains no query of a URL, but the whole address of a sign-in', () => {
    const url = 'https://auth.example/authorize?state=1'
    const unreachable = new BridgeError('server_unreachable', { message: 'At https://mcp.example/mcp?key=needle.' })
    expect(text('1', unreachable)).not.toContain('needle')
    const pending = new BridgeError('sign_in_pending', { message: `Sign in at ${url}`, details: { url } })
    expect(JSON.parse(text('1', pending)).error).toMatchObject({ message: `Sign in at ${url}`, data: { url } })
  })

  test.each(Object.keys(ERRORS) as ErrorCode[])(
    'for %s is one line, an answer, and outside the reserved numbers',
    (code) => {
      const answer = rpcError('7', new BridgeError(code))
      expect(answer.includes(10)).toBe(false)
      expect(parseMessage(answer)?.answers).toEqual(['7'])
      expect(ERRORS[code].rpc < -32768 || ERRORS[code].rpc > -32000).toBe(true)
    },
  )
})
