// What is known of the server's revisions: where nothing is, one question, and what the sign-in on its way has found out.
import { describe, expect, test } from 'vitest'
import { createServerEra } from '../../../../src/bridge/era/serverEra.ts'
import type { EraMemory } from '../../../../src/eraMemory.ts'
import { BridgeError } from '../../../../src/errors.ts'
import { createFakeClock } from '../../../fakes/fakeClock.ts'
import { json } from '../../../fakes/fakeHttp.ts'
import { createFakeLogger } from '../../../fakes/fakeLogger.ts'
import { createFakeSend } from '../../../fakes/fakeSend.ts'

const HOST = { clientInfo: '{"name":"host","version":"1"}', capabilities: '{}' }
const DISCOVER = '{"supportedVersions":["2026-07-28"],"capabilities":{}}'

/** Whoever is asked refuses; the sign-in that this leads to writes into the memory. */
function refused(learnt: Awaited<ReturnType<EraMemory['load']>>) {
  let known: Awaited<ReturnType<EraMemory['load']>>
  const { send, sent } = createFakeSend(() => {
    known = learnt
    return json({ error: 'invalid_token' }, 401)
  })
  const memory: EraMemory = {
    load: async () => known,
    save: async () => undefined,
    loadOpening: async () => undefined,
    saveOpening: async () => undefined,
  }
  const common = { clock: createFakeClock(), log: createFakeLogger(), answerLimit: 1e6 }
  return { era: createServerEra({ ...common, memory, send, protocol: 'auto' }), sent }
}

describe('a question that is refused', () => {
  test('ends with what the sign-in that it led to has found out', async () => {
    const { era, sent } = refused({ era: '2026', at: 1, discover: DISCOVER })
    expect(await era.find(HOST, 'start')).toBe('2026')
    expect(era.now).toBe('2026')
    expect(Buffer.from((await era.discovered()) ?? '').toString()).toBe(DISCOVER)
    expect(sent).toHaveLength(1)
  })

  test('says nothing where nobody has found out anything', async () => {
    const { era } = refused(undefined)
    expect(await era.find(HOST, 'start')).toBeUndefined()
    expect(era.now).toBeUndefined()
  })
})

test('a protocol that is set holds, whatever the server says when it is asked what it offers', async () => {
  const { send } = createFakeSend(() => json({ jsonrpc: '2.0', id: null, error: { code: -32601, message: 'no' } }))
  const common = { clock: createFakeClock(), log: createFakeLogger(), answerLimit: 1e6 }
  const era = createServerEra({ ...common, send, protocol: '2026' })
  expect((await era.ask(HOST, 'start')).era).toBe('2026')
  expect(era.now).toBe('2026')
})

test.each([
  ['2025', { error: { code: -32601, message: 'Method not found' } }, ['POST', 'DELETE']],
  ['2026', { result: JSON.parse(DISCOVER) }, ['POST']],
])(
  'a server of %s that begins a session with its answer keeps none of its questions',
  async (found, answer, methods) => {
    const { send, sent } = createFakeSend(({ method, body }) =>
      method === 'POST'
        ? json({ jsonrpc: '2.0', id: JSON.parse(body).id, ...answer }, 200, { 'mcp-session-id': 'stray' })
        : json({}, 405),
    )
    const common = { clock: createFakeClock(), log: createFakeLogger(), answerLimit: 1e6 }
    const era = createServerEra({ ...common, send, protocol: 'auto' })
    expect(await era.find(HOST, 'start')).toBe(found)
    expect(sent.map(({ method }) => method)).toEqual(methods)
  },
)

test.each(['server_error', 'invalid_protocol', 'message_too_large', 'redirect_refused'] as const)(
  'an answer that fails with %s says nothing: the host’s initialize finds out what it means',
  async (code) => {
    const { send } = createFakeSend(() => {
      throw new BridgeError(code)
    })
    const common = { clock: createFakeClock(), log: createFakeLogger(), answerLimit: 1e6 }
    const era = createServerEra({ ...common, send, protocol: 'auto' })
    expect(await era.find(HOST, 'start')).toBeUndefined()
  },
)

test('a host that asks and begins at the same time costs one question', async () => {
  const { send, sent } = createFakeSend(({ body }) =>
    json({ jsonrpc: '2.0', id: JSON.parse(body).id, error: { code: -32601, message: 'no' } }),
  )
  const common = { clock: createFakeClock(), log: createFakeLogger(), answerLimit: 1e6 }
  const era = createServerEra({ ...common, send, protocol: 'auto' })
  const [found, asked] = await Promise.all([
    era.find(HOST, 'start'),
    era.known().then(() => era.ask(HOST, 'background')),
  ])
  expect([found, asked.era, sent.length]).toEqual(['2025', '2025', 1])
})

describe('what a server of 2026 said of itself in an earlier run', () => {
  const NOW = '{"supportedVersions":["2026-07-28"],"capabilities":{"prompts":{}}}'

  /** A server that says `NOW` now, and what is remembered of it at last. */
  function remembered(protocol: 'auto' | '2026') {
    const { send, sent } = createFakeSend(({ body }) =>
      json({ jsonrpc: '2.0', id: JSON.parse(body).id, result: JSON.parse(NOW) }),
    )
    let discover: string | undefined = DISCOVER
    const memory: EraMemory = {
      load: async () => ({ era: '2026', at: 1, discover: DISCOVER }),
      async save(said) {
        discover = said?.discover
      },
      loadOpening: async () => undefined,
      saveOpening: async () => undefined,
    }
    const common = { clock: createFakeClock(), log: createFakeLogger(), answerLimit: 1e6 }
    return { era: createServerEra({ ...common, memory, send, protocol }), sent, saved: () => discover }
  }

  test.each(['auto', '2026'] as const)('is used, and asked for once more in a run: protocol %s', async (protocol) => {
    const { era, sent, saved } = remembered(protocol)
    expect(Buffer.from((await era.discovered()) ?? '').toString()).toBe(DISCOVER)
    expect([era.isOld, sent.length]).toEqual([true, 0])
    await era.askIfOld(HOST)
    await era.askIfOld(HOST)
    expect(sent.map(({ cause }) => cause)).toEqual(['background'])
    expect([era.now, saved()]).toEqual(['2026', NOW])
  })
})
