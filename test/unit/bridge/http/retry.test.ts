// What is sent twice when the connection breaks, and what is not for the world.
import { describe, expect, test } from 'vitest'
import type { Exchange } from '../../../../src/bridge/http/exchange.ts'
import { createRetry } from '../../../../src/bridge/http/retry.ts'
import { createInFlight } from '../../../../src/bridge/message/inFlight.ts'
import { type Message, parseMessage } from '../../../../src/bridge/message/message.ts'
import { BridgeError } from '../../../../src/errors.ts'
import { createHurryingClock } from '../../../fakes/fakeClock.ts'
import { codeOf, outcomeOf } from '../../../fakes/thrown.ts'

const message = (value: unknown) => parseMessage(Buffer.from(JSON.stringify(value))) as Message
const call = (name: string) => ({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name } })
const cut = () => new BridgeError('server_unreachable')

const nothing = async () => undefined

/** A retry whose first exchange is the tools/list that tells of `tools`; `exchange` does what comes after it. */
async function afterList(tools: readonly unknown[], exchange: Exchange): Promise<Exchange> {
  let next: Exchange = (_pending, deliver) => deliver(message({ jsonrpc: '2.0', id: 9, result: { tools } }))
  const retry = createRetry((pending, deliver) => next(pending, deliver), createHurryingClock())
  await retry(pendingOf({ jsonrpc: '2.0', id: 9, method: 'tools/list' }), nothing)
  next = exchange
  return retry
}
const pendingOf = (asked: unknown) => createInFlight().begin(message(asked))

/** Attempts fail with `errors` in turn; the bytes are out each time unless `sent` says otherwise. */
async function run(asked: unknown, errors: unknown[], { sent = true, tools = [] as unknown[], answered = false } = {}) {
  let attempts = 0
  const retry = await afterList(tools, async ({ transmission, open }) => {
    transmission.sent = sent
    if (answered) open.clear()
    const error = errors[attempts++]
    if (error) throw error
  })
  const code = await outcomeOf(retry(pendingOf(asked), nothing))
  return { attempts, code }
}

describe('after a broken connection', () => {
  test.each(['ping', 'tools/list', 'resources/read', 'prompts/get', 'logging/setLevel', 'completion/complete'])(
    '%s is sent once more',
    async (method) => {
      expect(await run({ jsonrpc: '2.0', id: 1, method }, [cut()])).toEqual({ attempts: 2, code: undefined })
    },
  )

  test.each([
    ['an answer', { jsonrpc: '2.0', id: 's', result: {} }],
    ['a notification', { jsonrpc: '2.0', method: 'notifications/roots/list_changed' }],
    [
      'a batch of harmless ones',
      [
        { jsonrpc: '2.0', id: 1, method: 'ping' },
        { jsonrpc: '2.0', method: 'notifications/x' },
      ],
    ],
  ])('%s is sent once more', async (_, asked) => {
    expect((await run(asked, [cut()])).attempts).toBe(2)
  })

  test.each([
    ['a call', call('pay')],
    ['a method nobody knows', { jsonrpc: '2.0', id: 1, method: 'custom/do' }],
    ['a batch with a call', [call('pay'), { jsonrpc: '2.0', id: 2, method: 'ping' }]],
  ])('%s is not sent again, and its outcome is unknown', async (_, asked) => {
    expect(await run(asked, [cut()])).toEqual({ attempts: 1, code: 'outcome_unknown' })
  })

  test('initialize is not sent again, but the host may ask again', async () => {
    const asked = { jsonrpc: '2.0', id: 1, method: 'initialize' }
    expect(await run(asked, [cut()])).toEqual({ attempts: 1, code: 'server_unreachable' })
  })

  test.each([
    [{ readOnlyHint: true }, 2],
    [{ idempotentHint: true }, 2],
    [{ readOnlyHint: 'true' }, 1],
    [{ readOnlyHint: false, openWorldHint: true }, 1],
    [undefined, 1],
  ])('a call of a tool with %j is tried %d times', async (annotations, attempts) => {
    expect((await run(call('t'), [cut()], { tools: [null, { name: 't', annotations }] })).attempts).toBe(attempts)
  })

  test('a message that was never sent is sent once more, whatever it is', async () => {
    expect(await run(call('pay'), [cut()], { sent: false })).toEqual({ attempts: 2, code: undefined })
    expect(await run(call('pay'), [cut(), cut(), cut()], { sent: false })).toEqual({
      attempts: 2,
      code: 'server_unreachable',
    })
  })

  test('a request that is already answered is not sent again', async () => {
    expect((await run({ jsonrpc: '2.0', id: 1, method: 'ping' }, [cut()], { answered: true })).attempts).toBe(1)
  })
})

test.each(['server_timeout', 'server_error', 'invalid_protocol', 'unauthorized', 'tls_failed'] as const)(
  'after %s nothing is sent again',
  async (code) => {
    expect(await run({ jsonrpc: '2.0', id: 1, method: 'ping' }, [new BridgeError(code)])).toEqual({ attempts: 1, code })
  },
)

test('a request that is sent once more tells no progress that the host has had', async () => {
  let attempts = 0
  const told: unknown[] = []
  const retry = createRetry(async ({ transmission }, deliver) => {
    transmission.sent = true
    const steps = ++attempts === 1 ? [1, 2] : [1, 2, 3]
    for (const progress of steps)
      await deliver(
        message({ jsonrpc: '2.0', method: 'notifications/progress', params: { progressToken: 'p', progress } }),
      )
    if (attempts === 1) throw cut()
  }, createHurryingClock())
  const read = { jsonrpc: '2.0', id: 1, method: 'resources/read', params: { _meta: { progressToken: 'p' } } }
  await retry(pendingOf(read), async ({ bytes }) => {
    told.push(JSON.parse(Buffer.from(bytes).toString()).params.progress)
  })
  expect(told).toEqual([1, 2, 3])
})

test('what a call answers on the stream of a list says nothing of tools', async () => {
  const tools = [{ name: 'pay', annotations: { readOnlyHint: true } }]
  let attempts = 0
  const retry = createRetry(async ({ message: asked, transmission }, deliver) => {
    if (asked.method === 'tools/list') return deliver(message({ jsonrpc: '2.0', id: 8, result: { tools } }))
    attempts++
    transmission.sent = true
    throw cut()
  }, createHurryingClock())
  await retry(pendingOf({ jsonrpc: '2.0', id: 9, method: 'tools/list' }), nothing)
  expect(await codeOf(retry(pendingOf(call('pay')), nothing))).toBe('outcome_unknown')
  expect(attempts).toBe(1)
})

test('a tool whose hints are withdrawn is no longer harmless', async () => {
  let readOnlyHint = true
  const retry = createRetry(async ({ message: asked, transmission }, deliver) => {
    if (asked.method === 'tools/list')
      return deliver(
        message({ jsonrpc: '2.0', id: 9, result: { tools: [{ name: 't', annotations: { readOnlyHint } }] } }),
      )
    transmission.sent = true
    throw cut()
  }, createHurryingClock())
  const list = () => retry(pendingOf({ jsonrpc: '2.0', id: 9, method: 'tools/list' }), nothing)
  await list()
  readOnlyHint = false
  await list()
  expect(await codeOf(retry(pendingOf(call('t')), nothing))).toBe('outcome_unknown')
})
