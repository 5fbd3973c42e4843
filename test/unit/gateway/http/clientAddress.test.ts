// The client's address: what trusted proxies say, and never what the client says itself.
import { describe, expect, test } from 'vitest'
import { clientAddress, createTrustedProxies, plainAddress } from '../../../../src/gateway/http/clientAddress.ts'
import { rawRequest, startShell } from '../../../fakes/gatewayShell.ts'
import { errorOf } from '../../../fakes/thrown.ts'

const trusted = createTrustedProxies(['10.0.0.0/8', '127.0.0.1', 'fd00::/8', '2001:db8::7', '::ffff:192.0.2.0/120'])

describe('the address of a client', () => {
  test.each([
    ['203.0.113.9', undefined, '203.0.113.9'],
    // Nobody trusted says it.
    ['203.0.113.9', '1.1.1.1', '203.0.113.9'],
    ['11.0.0.1', '1.1.1.1', '11.0.0.1'],
    ['10.0.0.1', '198.51.100.4', '198.51.100.4'],
    ['::ffff:10.0.0.1', '198.51.100.4', '198.51.100.4'],
    ['::ffff:0a00:1', '198.51.100.4', '198.51.100.4'],
    ['fd12::1', '198.51.100.4', '198.51.100.4'],
    ['fe80::1%eth0', '198.51.100.4', 'fe80::1'],
    ['2001:0db8:0::7', '198.51.100.4', '198.51.100.4'],
    ['192.0.2.200', '198.51.100.4', '198.51.100.4'],
    // The right-most that is no proxy of ours; the left-most is the client's own word.
    ['10.0.0.1', '6.6.6.6, 198.51.100.4', '198.51.100.4'],
    ['10.0.0.1', '6.6.6.6, 198.51.100.4, 10.2.3.4', '198.51.100.4'],
    ['10.0.0.1', '6.6.6.6,198.51.100.4,10.2.3.4,  fd00::9 ', '198.51.100.4'],
    ['10.0.0.1', '10.9.9.9, 198.51.100.4, 10.2.3.4', '198.51.100.4'],
    ['10.0.0.1', '10.0.0.5, 10.0.0.6', '10.0.0.5'],
    ['10.0.0.1', '198.51.100.4:4711', '198.51.100.4'],
    ['10.0.0.1', '[2001:db8::1]:4711', '2001:db8::1'],
    ['10.0.0.1', '[2001:db8::1]', '2001:db8::1'],
    ['10.0.0.1', '2001:DB8:0:0::1', '2001:db8::1'],
    ['10.0.0.1', '::ffff:198.51.100.4', '198.51.100.4'],
    // What is no address counts for nothing, and neither does what stands left of it.
    ['10.0.0.1', '', '10.0.0.1'],
    ['10.0.0.1', ',', '10.0.0.1'],
    ['10.0.0.1', 'unknown', '10.0.0.1'],
    ['10.0.0.1', '6.6.6.6, unknown', '10.0.0.1'],
    ['10.0.0.1', '6.6.6.6, _hidden, 10.2.3.4', '10.2.3.4'],
    ['10.0.0.1', '198.51.100.4.5', '10.0.0.1'],
    ['10.0.0.1', '0x7f.1', '10.0.0.1'],
    ['10.0.0.1', '198.51.100.04', '10.0.0.1'],
    ['10.0.0.1', 'a"; drop', '10.0.0.1'],
    [undefined, '198.51.100.4', ''],
  ])('of socket %s with X-Forwarded-For %s is %s', (socket, forwarded, expected) => {
    expect(clientAddress(socket, forwarded, trusted)).toBe(expected)
  })

  test('is found at once in a header of ten thousand entries', () => {
    expect(clientAddress('10.0.0.1', `${'10.0.0.2,'.repeat(10_000)}10.0.0.3`, trusted)).toBe('10.0.0.2')
  })

  test.each([
    '10.0.0.0/33',
    'fd00::/129',
    '10.0.0.0/',
    '10.0.0.0/-1',
    '10.0.0.0/8x',
    'proxy.example',
    '',
    '::ffff:10.0.0.0/8',
  ])('cannot be read with the range %j, which is a fault of the config', async (range) => {
    const error = await errorOf(() => createTrustedProxies([range]))
    expect([error.code, error.message]).toEqual(['config_invalid', expect.stringContaining('serve.trusted_proxies')])
  })

  test.each([
    ['::1', '::1'],
    ['0:0:0:0:0:0:0:1', '::1'],
    ['::ffff:1.2.3.4', '1.2.3.4'],
    ['1.2.3.4', '1.2.3.4'],
    ['localhost', undefined],
  ])('%s is written as %s', (text, plain) => {
    expect(plainAddress(text)).toBe(plain)
  })
})

describe('a proxy in front', () => {
  const asked = async (trustedProxies: string[], lines: string[]) => {
    const { port } = await startShell({ settings: { trustedProxies } })
    const { headers, body } = await rawRequest(port, '/mcp', lines)
    const { address, requestId } = JSON.parse(body)
    expect(headers['x-request-id']).toBe(requestId)
    return { address, requestId }
  }

  test('says the client’s address and the id of the request, if it is trusted', async () => {
    const lines = ['X-Forwarded-For: 6.6.6.6', 'X-Forwarded-For: 198.51.100.4', 'X-Request-Id: trace-1']
    expect(await asked(['127.0.0.0/8'], lines)).toEqual({ address: '198.51.100.4', requestId: 'trace-1' })
  })

  test('that is not trusted says nothing', async () => {
    const lines = [
      'X-Forwarded-For: 198.51.100.4',
      'X-Real-IP: 198.51.100.4',
      'Forwarded: for=198.51.100.4',
      'X-Request-Id: trace-1',
    ]
    const { address, requestId } = await asked(['10.0.0.0/8'], lines)
    expect(address).toBe('127.0.0.1')
    expect(requestId).toMatch(/^[0-9a-f-]{36}$/)
  })

  test.each(['', 'a b', '<script>', 'x'.repeat(129), 'a"b', '%0a'])('cannot give a request the id %j', async (id) => {
    expect((await asked(['127.0.0.1'], [`X-Request-Id: ${id}`])).requestId).toMatch(/^[0-9a-f-]{36}$/)
  })
})
