// A server that is described in the words of the other era says the same there, to the byte.
import { InitializeResultSchema } from '@modelcontextprotocol/sdk/types.js'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { toDiscoverResult, toInitializeResult } from '../../../../src/bridge/translation/describe.ts'

const SERVER = 'io.modelcontextprotocol/serverInfo'
const TASKS = 'io.modelcontextprotocol/tasks'
const info = { name: 'S', version: '1', title: 'The server' }
const url = new URL('https://mcp.example.com:8443/mcp')
const discover = {
  resultType: 'complete',
  supportedVersions: ['2026-07-28'],
  capabilities: { tools: { listChanged: true }, logging: {} },
  _meta: { [SERVER]: info },
  instructions: 'Be kind.',
  ttlMs: 3_600_000,
  cacheScope: 'public',
}
const bytesOf = (value: unknown) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value))
const initialize = (value: unknown, wanted: string | undefined = '2025-06-18') =>
  JSON.parse(toInitializeResult(bytesOf(value), { wanted, url }))
const asDiscover = (value: unknown) => JSON.parse(toDiscoverResult(bytesOf(value)))

describe('the answer to initialize of a 2026 server', () => {
  test('is its DiscoverResult in the words of 2025', () => {
    expect(initialize(discover)).toEqual({
      protocolVersion: '2025-06-18',
      capabilities: discover.capabilities,
      serverInfo: info,
      instructions: 'Be kind.',
    })
  })

  test.each([
    ['2024-11-05', '2024-11-05'],
    ['2025-03-26', '2025-03-26'],
    ['2025-11-25', '2025-11-25'],
    ['2026-07-28', '2025-11-25'],
    ['2031-01-01', '2025-11-25'],
    ['1.0', '2025-11-25'],
    [undefined, '2025-11-25'],
  ])('to a host that wants %s speaks %s', (wanted, spoken) => {
    const result = toInitializeResult(bytesOf(discover), { wanted, url })
    expect(JSON.parse(result).protocolVersion).toBe(spoken)
  })

  test('names the server as its _meta does, else as its body does, else by its host', () => {
    const body = { name: 'B', version: '2' }
    const { _meta, ...bare } = discover
    expect(initialize({ ...discover, serverInfo: body }).serverInfo).toEqual(info)
    expect(initialize({ ...bare, serverInfo: body }).serverInfo).toEqual(body)
    expect(initialize({ ...bare, _meta: { [SERVER]: 'S' }, serverInfo: body }).serverInfo).toEqual(body)
    for (const odd of [undefined, null, 'B', [], 7])
      expect(initialize({ ...bare, serverInfo: odd }).serverInfo).toEqual({ name: url.host, version: 'unknown' })
  })

  test('completes a name or version that is missing, and keeps the rest of what the server says of itself', () => {
    const named = (server: unknown) => initialize({ ...discover, _meta: { [SERVER]: server } }).serverInfo
    expect(named({ name: 'S', icons: [] })).toEqual({ name: 'S', icons: [], version: 'unknown' })
    expect(named({ version: '3', name: null })).toEqual({ version: '3', name: url.host })
    expect(named({})).toEqual({ name: url.host, version: 'unknown' })
  })

  test('offers no tasks, and every other extension', () => {
    const capabilities = { tasks: { list: {} }, extensions: { [TASKS]: {}, 'x/ui': { a: 1 } }, experimental: { y: {} } }
    expect(initialize({ ...discover, capabilities }).capabilities).toEqual({
      extensions: { 'x/ui': { a: 1 } },
      experimental: { y: {} },
    })
    for (const odd of [undefined, null, [], 'all'])
      expect(initialize({ ...discover, capabilities: odd }).capabilities).toEqual({})
  })

  test('keeps what else the server says, but nothing that hosts of 2025 would refuse', () => {
    const more = { 'x/y': 1, _meta: { [SERVER]: info, traceparent: '00-1' }, instructions: null }
    const result = initialize({ ...discover, ...more })
    expect(result['x/y']).toBe(1)
    expect(result._meta).toEqual({ traceparent: '00-1' })
    expect(result).not.toHaveProperty('instructions')
    for (const odd of [null, [], 'x', {}]) expect(initialize({ ...discover, _meta: odd })).not.toHaveProperty('_meta')
  })

  test('is taken by the SDK of 2025 for any member of it that is left out or odd', () => {
    const odd = fc.constantFrom(undefined, null, 7, 'x', [], {})
    const odds = fc.record(Object.fromEntries(Object.keys(discover).map((name) => [name, odd])), { requiredKeys: [] })
    fc.assert(
      fc.property(odds, (changed) => {
        expect(() => InitializeResultSchema.parse(initialize({ ...discover, ...changed }))).not.toThrow()
      }),
    )
  })

  test('copies numbers and texts as they were written', () => {
    const text = `{"capabilities":{"extensions":{"x/a":{"n":12345678901234567890.10,"s":"\\u00e9\\/"}}},"serverInfo":{"name":"\\u0053","version":"1.0","n":1e400}}`
    const result = toInitializeResult(bytesOf(text), { wanted: undefined, url })
    expect(result).toContain('{"n":12345678901234567890.10,"s":"\\u00e9\\/"}')
    expect(result).toContain('{"name":"\\u0053","version":"1.0","n":1e400}')
  })
})

describe('the answer to server/discover of a 2025 server', () => {
  const known = {
    protocolVersion: '2025-11-25',
    capabilities: { tools: { listChanged: true }, resources: { subscribe: true }, tasks: { list: {} } },
    serverInfo: info,
    instructions: 'Be kind.',
  }

  test('is its InitializeResult in the words of 2026, and may be kept by nobody', () => {
    expect(asDiscover(known)).toEqual({
      resultType: 'complete',
      supportedVersions: ['2026-07-28'],
      capabilities: { tools: { listChanged: true }, resources: { subscribe: true } },
      instructions: 'Be kind.',
      _meta: { [SERVER]: info },
      ttlMs: 0,
      cacheScope: 'private',
    })
  })

  test('keeps other members of _meta, and what else the server says', () => {
    const result = asDiscover({ ...known, _meta: { a: 1 }, 'x/y': [] })
    expect(result._meta).toEqual({ a: 1, [SERVER]: info })
    expect(result['x/y']).toEqual([])
    expect(asDiscover({ ...known, _meta: null })._meta).toEqual({ [SERVER]: info })
    expect(asDiscover({ ...known, _meta: null, serverInfo: undefined })).not.toHaveProperty('_meta')
    expect(asDiscover({ ...known, _meta: { a: 1 }, serverInfo: 7 })._meta).toEqual({ a: 1 })
  })

  test('says over what a server of 2025 had no word for', () => {
    const odd = { resultType: 'x', supportedVersions: [], ttlMs: 9e9, cacheScope: 'public', instructions: 7 }
    const { instructions: _, ...rest } = asDiscover(known)
    expect(asDiscover({ ...known, ...odd })).toEqual(rest)
  })

  test('copies numbers and texts as they were written', () => {
    const text = `{ "capabilities" : {"experimental":{"x":{"n":1.0}}}, "serverInfo" : {"name":"\\u0053","version":"1"} }\n`
    const result = toDiscoverResult(bytesOf(text))
    expect(result).toContain('{"experimental":{"x":{"n":1.0}}}')
    expect(result).toContain(`"${SERVER}":{"name":"\\u0053","version":"1"}`)
  })

  test('said of a described server again is what it was', () => {
    const there = asDiscover(known)
    const { tasks: _, ...capabilities } = known.capabilities
    expect(initialize(there, '2025-11-25')).toEqual({ ...known, capabilities })
  })
})
