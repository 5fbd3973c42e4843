// Lists that are fresh answer a 2025 host again: never those of another account, of other parameters, or of before a change.
import { describe, expect, test } from 'vitest'
import { type Message, parseMessage } from '../../../../src/bridge/message/message.ts'
import { createLists } from '../../../../src/bridge/translation/lists.ts'
import { createFakeClock } from '../../../fakes/fakeClock.ts'

const URL_ = new URL('https://mcp.example.com/mcp')
const message = (text: string) => parseMessage(Buffer.from(text)) as Message
const list = (method = 'tools/list', params?: string, id = 1) =>
  message(`{"jsonrpc":"2.0","id":${id},"method":"${method}"${params === undefined ? '' : `,"params":${params}`}}`)
const answer = (ttlMs: unknown, failed = false) =>
  message(
    failed
      ? '{"jsonrpc":"2.0","id":1,"error":{"code":-32602,"message":"cursor"}}'
      : `{"jsonrpc":"2.0","id":1,"result":{"tools":[],"ttlMs":${JSON.stringify(ttlMs)}}}`,
  )

function world() {
  const clock = createFakeClock()
  const state = {
    headers: { authorization: 'Bearer ada' } as Record<string, string>,
    ended: new Set<string>(),
    broken: false,
  }
  const lists = createLists({
    authorizer: {
      headers: () => {
        if (state.broken) throw new Error('store')
        return state.headers
      },
      outlived: async ({ authorization = '' }) => state.ended.has(authorization),
    },
    url: URL_,
    clock,
  })
  const keep = async (request: Message, ttlMs: unknown = 1_000, text = '{"tools":[]}', failed = false) =>
    (await lists.begin(request))?.keep(answer(ttlMs, failed), () => Buffer.from(text))
  const found = async (request: Message) => {
    const result = await lists.find(request)
    return result && Buffer.from(result).toString()
  }
  return { clock, state, lists, keep, found }
}

describe('a list', () => {
  test.each(['tools/list', 'prompts/list', 'resources/list', 'resources/templates/list'])(
    '%s is kept while it is fresh',
    async (method) => {
      const { clock, keep, found } = world()
      await keep(list(method))
      clock.advance(999)
      expect(await found(list(method, undefined, 2))).toBe('{"tools":[]}')
      clock.advance(1)
      expect(await found(list(method))).toBeUndefined()
    },
  )

  test.each(['tools/call', 'resources/read', 'completion/complete', 'toString', 'server/discover'])(
    'is nothing that answers %s',
    async (method) => {
      const { keep, found } = world()
      await keep(list(method))
      expect(await found(list(method))).toBeUndefined()
    },
  )

  test.each([[0], [-5], ['1000'], [null], [true], [{}], [[1]]])('with the ttlMs %j is not kept', async (ttlMs) => {
    const { keep, found } = world()
    await keep(list(), ttlMs)
    expect(await found(list())).toBeUndefined()
  })

  test('is kept for a day at most', async () => {
    const { clock, keep, found } = world()
    await keep(list(), 1e308)
    clock.advance(24 * 3_600_000)
    expect(await found(list())).toBeUndefined()
  })

  test('ages while the machine sleeps', async () => {
    const { clock, keep, found } = world()
    await keep(list())
    clock.doze(1_000)
    expect(await found(list())).toBeUndefined()
  })

  test.each([
    [undefined, '{"cursor":"a"}'],
    ['{"cursor":"a"}', '{"cursor":"b"}'],
    ['{"cursor":1}', '{"cursor":"1"}'],
    [undefined, '{"_meta":{"x":1}}'],
    ['{"_meta":{"x":1}}', '{"_meta":{"x":2}}'],
    [undefined, '{"filter":"x"}'],
    ['{"big":12345678901234567890}', '{"big":12345678901234567891}'],
  ])('asked for with %s does not answer %s', async (one, other) => {
    const { keep, found } = world()
    await keep(list('tools/list', one))
    expect(await found(list('tools/list', other))).toBeUndefined()
    expect(await found(list('tools/list', one))).toBeDefined()
  })

  test.each([
    [undefined, '{}'],
    ['{"_meta":{"progressToken":1}}', '{"_meta":{"progressToken":2}}'],
    [undefined, '{"_meta":{"progressToken":2}}'],
  ])('asked for with %s answers %s', async (one, other) => {
    const { keep, found } = world()
    await keep(list('tools/list', one))
    expect(await found(list('tools/list', other))).toBeDefined()
  })

  test('that is asked for anew replaces the one of before', async () => {
    const { clock, keep, found } = world()
    await keep(list(), 1_000, '"old"')
    await keep(list(), 1_000, '"new"')
    expect(await found(list())).toBe('"new"')
    await keep(list(), 0)
    clock.advance(1)
    expect(await found(list())).toBeUndefined()
  })

  test('of which one page fails is dropped with all its pages, and no other list', async () => {
    const { keep, found } = world()
    await keep(list())
    await keep(list('prompts/list'))
    await keep(list('tools/list', '{"cursor":"gone"}'), 0, '', true)
    expect(await found(list())).toBeUndefined()
    expect(await found(list('prompts/list'))).toBeDefined()
  })

  test('of many megabytes is not kept, and many lists never hold more than a few', async () => {
    const { keep, found } = world()
    await keep(list(), 1_000, 'x'.repeat(9_000_000))
    expect(await found(list())).toBeUndefined()
    for (const cursor of [1, 2, 3]) await keep(list('tools/list', `{"cursor":${cursor}}`), 1_000, 'x'.repeat(4_000_000))
    const kept = await Promise.all([1, 2, 3].map((cursor) => found(list('tools/list', `{"cursor":${cursor}}`))))
    expect(kept.map((one) => one !== undefined)).toEqual([false, false, true])
  })
})

describe('a change', () => {
  test('that the server tells drops the lists of its kind', async () => {
    const { lists, keep, found } = world()
    for (const method of ['tools/list', 'resources/list', 'resources/templates/list']) await keep(list(method))
    lists.drop('resources')
    expect(await found(list('resources/list'))).toBeUndefined()
    expect(await found(list('resources/templates/list'))).toBeUndefined()
    expect(await found(list())).toBeDefined()
    lists.drop()
    expect(await found(list())).toBeUndefined()
  })

  test('while a list is on its way makes that one of before', async () => {
    const { lists, found } = world()
    const asking = await lists.begin(list())
    lists.drop('tools')
    asking?.keep(answer(1_000), () => Buffer.from('{}'))
    expect(await found(list())).toBeUndefined()
  })
})

describe('the account', () => {
  test('that signs out or becomes another one takes its lists with it', async () => {
    const { state, keep, found } = world()
    await keep(list())
    await keep(list('prompts/list'))
    state.ended.add('Bearer ada')
    expect(await found(list())).toBeUndefined()
    state.ended.clear()
    expect(await found(list('prompts/list'))).toBeUndefined()
  })

  test('keeps its lists when its token is refreshed', async () => {
    const { state, keep, found } = world()
    await keep(list())
    state.headers = { authorization: 'Bearer ada again' }
    expect(await found(list())).toBeDefined()
  })

  test('that signs in does not get what nobody got', async () => {
    const { state, keep, found } = world()
    state.headers = {}
    await keep(list())
    expect(await found(list())).toBeDefined()
    state.headers = { Authorization: 'Bearer ada' }
    expect(await found(list())).toBeUndefined()
  })

  test('that cannot be read gets nothing from here', async () => {
    const { state, keep, found } = world()
    state.headers = {}
    await keep(list())
    state.broken = true
    expect(await found(list())).toBeUndefined()
    await keep(list('prompts/list'))
    state.broken = false
    expect(await found(list('prompts/list'))).toBeUndefined()
  })
})
