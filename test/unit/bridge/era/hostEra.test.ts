// What a host's first messages say of the revisions that it speaks, and how a server/discover is answered.
import { describe, expect, test } from 'vitest'
import { createHostEra } from '../../../../src/bridge/era/hostEra.ts'
import { createInFlight } from '../../../../src/bridge/message/inFlight.ts'
import type { Message } from '../../../../src/bridge/message/message.ts'
import type { Era, EraMemory, Opening } from '../../../../src/eraMemory.ts'
import { BridgeError } from '../../../../src/errors.ts'
import { createFakeClock } from '../../../fakes/fakeClock.ts'
import { createFakeConversation, type Heard, messageOf } from '../../../fakes/fakeConversation.ts'
import { createFakeLogger } from '../../../fakes/fakeLogger.ts'
import { createFakeServerEra } from '../../../fakes/fakeServerEra.ts'
import { settled } from '../../../fakes/gate.ts'

const NAME = 'host'
const client = { name: NAME, version: '1' }
const _meta = {
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientCapabilities': {},
  'io.modelcontextprotocol/clientInfo': client,
}
const discover = (id: number) => ({ id, method: 'server/discover', params: { _meta } })
const list = (id: number) => ({ id, method: 'tools/list', params: { _meta } })
const initialize = (id: number) => ({ id, method: 'initialize', params: { clientInfo: client, capabilities: {} } })

/** What outlives a process. */
function createMemory(): EraMemory & { openings: Map<string, Opening> } {
  const openings = new Map<string, Opening>()
  return {
    openings,
    load: async () => undefined,
    save: async () => undefined,
    loadOpening: async (host) => openings.get(host),
    saveOpening: async (host, opening) => void openings.set(host, opening),
  }
}

interface World {
  readonly known?: Era
  readonly truth?: () => Era | undefined | Promise<Era | undefined>
  readonly memory?: EraMemory
  readonly isSignedOut?: boolean
}

/** One process of the bridge. */
function start({ memory = createMemory(), isSignedOut = false, ...script }: World) {
  const inFlight = createInFlight()
  const clock = createFakeClock()
  const server = createFakeServerEra(script)
  const handshake = createFakeConversation(() => ({ by: 'handshake' }))
  const modern = createFakeConversation(() => ({ by: 'modern' }))
  const host = createHostEra({
    era: server.era,
    memory,
    clock,
    log: createFakeLogger(),
    isSignedOut: async () => isSignedOut,
    handshake: handshake.conversation,
    modern: async () => modern.conversation,
  })
  const say = async (value: object) => {
    const pending = inFlight.begin(messageOf(value))
    const heard: Heard[] = []
    await host.exchange(pending, Promise.resolve(), async ({ bytes }: Message) => {
      heard.push(JSON.parse(Buffer.from(bytes).toString('utf8')))
    })
    inFlight.end(pending)
    await settled()
    return heard
  }
  return { say, server, handshake, modern, clock, host }
}

const REFUSED = [{ jsonrpc: '2.0', id: 1, error: { code: -32601, message: 'Method not found' } }]

describe('the first messages', () => {
  test('initialize is the handshake, and so is all that follows', async () => {
    const { say, handshake, modern } = start({})
    await say(initialize(1))
    await say(list(2))
    await say(discover(3))
    expect([handshake.methods(), modern.methods()]).toEqual([['initialize', 'tools/list', 'server/discover'], []])
  })

  test('a request that names its revision is 2026, and so is all that follows', async () => {
    const { say, handshake, modern } = start({})
    await say(list(1))
    await say({ id: 2, method: 'ping' })
    expect([handshake.methods(), modern.methods()]).toEqual([[], ['tools/list', 'ping']])
  })

  test('initialize means before 2026 at any time', async () => {
    const { say, handshake } = start({ known: '2026' })
    await say(discover(1))
    await say(list(2))
    await say(initialize(3))
    await say({ id: 4, method: 'tools/list' })
    expect(handshake.methods()).toEqual(['initialize', 'tools/list'])
  })

  test('a message without a revision before any handshake is passed on as before, and settles nothing', async () => {
    const { say, handshake, modern } = start({})
    await say({ id: 1, method: 'ping' })
    await say(list(2))
    expect([handshake.methods(), modern.methods()]).toEqual([['ping'], ['tools/list']])
  })
})

describe('a server/discover', () => {
  test('is refused where the server begins with initialize, and the host’s initialize follows', async () => {
    const { say, handshake } = start({ known: '2025' })
    expect(await say(discover(1))).toEqual(REFUSED)
    expect((await say(initialize(2)))[0]?.result.by).toBe('handshake')
    expect(handshake.methods()).toEqual(['initialize'])
  })

  test('is refused, and a request that names its revision is translated all the same', async () => {
    const { say, modern } = start({ known: '2025' })
    expect(await say(discover(1))).toEqual(REFUSED)
    expect((await say(list(2)))[0]?.result.by).toBe('modern')
    expect(modern.methods()).toEqual(['tools/list'])
  })

  test('is answered in place where the server speaks 2026, and where nobody is signed in', async () => {
    const known = start({ known: '2026' })
    expect((await known.say(discover(1)))[0]?.result.by).toBe('modern')
    const signedOut = start({ isSignedOut: true, truth: () => '2025' })
    expect((await signedOut.say(discover(1)))[0]?.result.by).toBe('modern')
    expect([known.server.asked, signedOut.server.asked]).toEqual([0, 0])
  })

  test('goes to a server of which nothing is known, and its word decides', async () => {
    expect(await start({ truth: () => '2025' }).say(discover(1))).toEqual(REFUSED)
    // The fake gives no answer of its own.
    expect((await start({ truth: () => '2026' }).say(discover(1)))[0]?.result.by).toBe('modern')
  })

  test.each([
    ['says nothing', (): Era | undefined => undefined],
    [
      'wants a person first',
      (): Era => {
        throw new BridgeError('not_signed_in')
      },
    ],
  ] as const)('is answered in place where the server %s', async (_, truth) => {
    expect((await start({ truth }).say(discover(1)))[0]?.result.by).toBe('modern')
  })

  test('is answered in place when the server takes longer than a host waits', async () => {
    const truth = () => new Promise<Era>(() => undefined)
    const { say, clock } = start({ truth })
    const answered = say(discover(1))
    await settled()
    clock.advance(2_000)
    expect((await answered)[0]?.result.by).toBe('modern')
  })
})

describe('how a refused host goes on is remembered by its name', () => {
  test('with initialize in a later process: it speaks both and is refused again', async () => {
    const memory = createMemory()
    await start({ known: '2025', memory }).say(discover(1))
    expect(memory.openings.get(NAME)).toBe('refused')
    await start({ known: '2025', memory }).say(initialize(1))
    expect(memory.openings.get(NAME)).toBe('both')
    expect(await start({ known: '2025', memory }).say(discover(1))).toEqual(REFUSED)
  })

  test('with nothing but another discover in a later process: it speaks 2026 only and is answered from then on', async () => {
    const memory = createMemory()
    const first = start({ known: '2025', memory })
    expect(await first.say(discover(1))).toEqual(REFUSED)
    expect((await first.say(discover(2)))[0]?.error.code).toBe(-32601)
    expect((await start({ known: '2025', memory }).say(discover(1)))[0]?.result.by).toBe('modern')
    expect(memory.openings.get(NAME)).toBe('modern')
    expect((await start({ known: '2025', memory }).say(discover(1)))[0]?.result.by).toBe('modern')
    await start({ known: '2025', memory }).say(initialize(1))
    expect(await start({ known: '2025', memory }).say(discover(1))).toEqual(REFUSED)
  })

  test('a memory that cannot be read or written costs no answer', async () => {
    const broken = async () => {
      throw new BridgeError('database_locked')
    }
    const memory: EraMemory = { load: broken, save: broken, loadOpening: broken, saveOpening: broken }
    const { say } = start({ known: '2025', memory })
    expect(await say(discover(1))).toEqual(REFUSED)
    expect((await say(initialize(2)))[0]?.result.by).toBe('handshake')
  })
})
