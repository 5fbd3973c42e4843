// Of a name's addresses, the one that answered last is tried first.
import type { LookupFunction, Socket } from 'node:net'
import { expect, test } from 'vitest'
import type { Connect } from '../../../../src/system/http/connections.ts'
import { createLastAnswered } from '../../../../src/system/http/lastAnswered.ts'

const ADDRESSES = [
  { address: '2001:db8::1', family: 6 },
  { address: '192.0.2.1', family: 4 },
  { address: '192.0.2.2', family: 4 },
]
const OPTIONS = { hostname: 'mcp.example', protocol: 'https:', port: '443' }

/** Of a resolver that answers `error` or all addresses; `connect` says which one answered. */
function known({ error }: { error?: Error } = {}) {
  const resolve: LookupFunction = (_name, _options, callback) =>
    callback((error ?? null) as NodeJS.ErrnoException | null, ADDRESSES)
  const { lookup, noting } = createLastAnswered(resolve)
  return {
    addresses: (name = OPTIONS.hostname) =>
      new Promise<unknown>((done, fail) =>
        lookup(name, { all: true }, (failed, found) =>
          failed ? fail(failed) : done((found as typeof ADDRESSES).map(({ address }) => address)),
        ),
      ),
    connect(remoteAddress: string | undefined, options: Partial<Parameters<Connect>[0]> = {}) {
      const connector: Connect = (_options, callback) => callback(null, { remoteAddress } as Socket)
      noting(connector)({ ...OPTIONS, ...options }, () => undefined)
    },
  }
}

test('before any answered, the order is the resolver’s', async () => {
  expect(await known().addresses()).toEqual(['2001:db8::1', '192.0.2.1', '192.0.2.2'])
})

test('the one that answered comes first, the others in their order', async () => {
  const { addresses, connect } = known()
  connect('192.0.2.2')
  expect(await addresses()).toEqual(['192.0.2.2', '2001:db8::1', '192.0.2.1'])
  connect('192.0.2.1')
  expect(await addresses()).toEqual(['192.0.2.1', '2001:db8::1', '192.0.2.2'])
})

test('one that the name does not resolve to any more is not tried', async () => {
  const { addresses, connect } = known()
  connect('192.0.2.9')
  expect(await addresses()).toEqual(['2001:db8::1', '192.0.2.1', '192.0.2.2'])
})

test('what answered for one name says nothing about another, nor does a proxy’s address', async () => {
  const { addresses, connect } = known()
  connect('192.0.2.2', { hostname: 'other.example' })
  connect('192.0.2.2', { httpSocket: {} as Socket })
  connect(undefined)
  expect(await addresses()).toEqual(['2001:db8::1', '192.0.2.1', '192.0.2.2'])
})

test('a name that does not resolve stays an error', async () => {
  const { addresses, connect } = known({ error: new Error('ENOTFOUND') })
  connect('192.0.2.2')
  await expect(addresses()).rejects.toThrow('ENOTFOUND')
})

test('a connection that fails notes nothing and is reported', () => {
  const failure = new Error('ECONNREFUSED')
  const { noting } = createLastAnswered()
  const seen: unknown[] = []
  noting((_options, callback) => callback(failure, null))(OPTIONS, (...result) => seen.push(result))
  expect(seen).toEqual([[failure, null]])
})

test('a hundred names are known, and the one that rests the longest is forgotten', async () => {
  const { addresses, connect } = known()
  for (let number = 0; number <= 100; number++) connect('192.0.2.2', { hostname: `${number}.example` })
  expect(await addresses('0.example')).toEqual(['2001:db8::1', '192.0.2.1', '192.0.2.2'])
  expect(await addresses('1.example')).toEqual(['192.0.2.2', '2001:db8::1', '192.0.2.1'])
})
