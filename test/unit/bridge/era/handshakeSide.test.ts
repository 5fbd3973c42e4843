// A host that begins with initialize, whatever the server speaks and whatever was remembered of it.
import { describe, expect, test } from 'vitest'
import { createHandshakeSide } from '../../../../src/bridge/era/handshakeSide.ts'
import type { PendingRequest } from '../../../../src/bridge/message/inFlight.ts'
import { createInFlight } from '../../../../src/bridge/message/inFlight.ts'
import type { Message } from '../../../../src/bridge/message/message.ts'
import type { Era } from '../../../../src/eraMemory.ts'
import { BridgeError } from '../../../../src/errors.ts'
import { createFakeConversation, type Heard, messageOf, type Reply } from '../../../fakes/fakeConversation.ts'
import { createFakeLogger } from '../../../fakes/fakeLogger.ts'
import { createFakeServerEra } from '../../../fakes/fakeServerEra.ts'
import { settled } from '../../../fakes/gate.ts'
import { codeOf } from '../../../fakes/thrown.ts'

const INITIALIZE = {
  id: 1,
  method: 'initialize',
  params: { protocolVersion: '2025-11-25', capabilities: { roots: {} }, clientInfo: { name: 'host', version: '1' } },
}
const met: Reply = ({ method }) =>
  method === 'initialize' ? { protocolVersion: '2025-11-25', capabilities: {} } : { by: 'legacy' }
const translated: Reply = ({ method }) =>
  method === 'initialize'
    ? { protocolVersion: '2025-11-25', capabilities: {} }
    : { by: 'modern', resultType: 'complete' }

interface World {
  readonly known?: Era
  readonly truth?: () => Era | undefined
  readonly discover?: object
  readonly legacy?: Reply
  readonly modern?: Reply
}

function setUp({ legacy = met, modern = translated, ...script }: World) {
  const inFlight = createInFlight()
  const told: Heard[] = []
  const pendings: PendingRequest[] = []
  const made: ReturnType<typeof createFakeConversation>[] = []
  const make = (reply: Reply) => {
    const one = createFakeConversation(reply)
    made.push(one)
    return one
  }
  const read = ({ bytes }: Message): Heard => JSON.parse(Buffer.from(bytes).toString('utf8'))
  const server = createFakeServerEra(script)
  const [first, second] = [createFakeConversation(legacy), createFakeConversation(modern)]
  const unused = [first, second]
  const take = (one: typeof first, reply: Reply) => {
    const at = unused.indexOf(one)
    if (at === -1) return make(reply)
    unused.splice(at, 1)
    return one
  }
  const side = createHandshakeSide({
    era: server.era,
    inFlight,
    deliver: async (message) => void told.push(read(message)),
    log: createFakeLogger(),
    legacy: () => take(first, legacy).conversation,
    async toModern(heard) {
      const { conversation } = take(second, modern)
      return {
        ...conversation,
        exchange: (pending, before, deliver) =>
          conversation.exchange(pending, before, async (answer) => {
            if (!['initialize', 'ping'].includes(pending.message.method ?? '')) heard(answer)
            await deliver(answer)
          }),
      }
    },
  })
  const say = async (value: object, also: (pending: PendingRequest) => void = () => undefined) => {
    const pending = inFlight.begin(messageOf(value))
    pendings.push(pending)
    also(pending)
    const heard: Heard[] = []
    try {
      await side.exchange(pending, Promise.resolve(), async (message) => void heard.push(read(message)))
    } finally {
      inFlight.end(pending)
    }
    return heard
  }
  return { say, side, server, told, legacy: first, modern: second, made, pendings }
}

describe('what is known decides', () => {
  test('a server that is known to begin with initialize is asked nothing', async () => {
    const { say, server, legacy } = setUp({ known: '2025' })
    expect((await say(INITIALIZE))[0]?.result.protocolVersion).toBe('2025-11-25')
    expect((await say({ id: 2, method: 'tools/list' }))[0]?.result).toEqual({ by: 'legacy' })
    expect(server.asked).toBe(0)
    expect(legacy.methods()).toEqual(['initialize', 'tools/list'])
  })

  test('a server of which nothing is known is asked once, before initialize', async () => {
    const { say, server, legacy } = setUp({ truth: () => '2025' })
    await say(INITIALIZE)
    await say({ id: 2, method: 'tools/list' })
    expect([server.asked, legacy.methods()]).toEqual([1, ['initialize', 'tools/list']])
  })

  test('a server of 2026 is spoken to by the translation', async () => {
    const { say, legacy, modern } = setUp({ truth: () => '2026', discover: { supportedVersions: ['2026-07-28'] } })
    await say(INITIALIZE)
    expect((await say({ id: 2, method: 'tools/list' }))[0]?.result.by).toBe('modern')
    expect([legacy.methods(), modern.methods()]).toEqual([[], ['initialize', 'tools/list']])
  })

  test('a server of 2026 that names an older revision too gets the host’s own initialize', async () => {
    const { say, legacy } = setUp({
      truth: () => '2026',
      discover: { supportedVersions: ['2026-07-28', '2025-06-18'] },
    })
    await say(INITIALIZE)
    expect(legacy.methods()).toEqual(['initialize'])
  })

  test('a server that says nothing of it gets the host’s own initialize', async () => {
    const { say, legacy } = setUp({ truth: () => undefined })
    await say(INITIALIZE)
    expect(legacy.methods()).toEqual(['initialize'])
  })

  test('a sign-in that failed fails initialize, and the next try asks again', async () => {
    let isSignedIn = false
    const truth = () => {
      if (!isSignedIn) throw new BridgeError('not_signed_in')
      return '2026' as const
    }
    const { say, side, modern } = setUp({ truth })
    expect(await codeOf(say(INITIALIZE))).toBe('not_signed_in')
    isSignedIn = true
    expect(await side.initialize('call')).toBeDefined()
    expect(modern.methods()).toEqual(['initialize', 'notifications/initialized'])
  })
})

describe('a memory of 2025 that is wrong', () => {
  const refuses: Record<string, Reply> = {
    'an error': () => ({ error: { code: -32022, message: 'Unsupported protocol version' } }),
    'a version from after the handshake': () => ({ protocolVersion: '2026-07-28', capabilities: {} }),
    'a page with 404': () => {
      throw new BridgeError('server_error', { details: { status: 404 } })
    },
  }
  test.each(Object.entries(refuses))('initialize answered with %s goes to the translation', async (_, legacy) => {
    const { say, server, modern } = setUp({ known: '2025', truth: () => '2026', legacy })
    expect((await say(INITIALIZE)).map(({ id, result }) => [id, result.protocolVersion])).toEqual([[1, '2025-11-25']])
    expect((await say({ id: 2, method: 'tools/call' }))[0]?.result.by).toBe('modern')
    expect(server.asked).toBe(1)
    expect(modern.methods()).toEqual(['initialize', 'tools/call'])
  })

  test('a server that refuses initialize and is of 2025 has the last word', async () => {
    const legacy: Reply = () => ({ error: { code: -32602, message: 'no' } })
    const { say } = setUp({ known: '2025', truth: () => '2025', legacy })
    expect((await say(INITIALIZE))[0]?.error.message).toBe('no')
  })

  test('a session that is gone for good goes on in the translation, each of ten calls once', async () => {
    let isGone = false
    const legacy: Reply = (message) => {
      if (isGone) throw new BridgeError('session_lost')
      return met(message)
    }
    const { say, server, modern, told } = setUp({ known: '2025', truth: () => '2026', legacy })
    await say(INITIALIZE)
    isGone = true
    const calls = Array.from({ length: 10 }, (_, at) => say({ id: at + 2, method: 'tools/call' }))
    const answers = (await Promise.all(calls)).flat()
    expect(answers.map(({ id, result }) => [id, result.by])).toEqual(calls.map((_, at) => [at + 2, 'modern']))
    expect(server.asked).toBe(1)
    expect(modern.methods().filter((method) => method === 'tools/call')).toHaveLength(10)
    expect(modern.methods().slice(0, 2)).toEqual(['initialize', 'notifications/initialized'])
    expect(told.map(({ method }) => method)).toEqual([
      'notifications/tools/list_changed',
      'notifications/prompts/list_changed',
      'notifications/resources/list_changed',
    ])
  })

  test('a lost session of a server that still has a handshake is the error that it was', async () => {
    let isGone = false
    const legacy: Reply = (message) => {
      if (isGone) throw new BridgeError('session_lost')
      return met(message)
    }
    const { say } = setUp({ known: '2025', truth: () => '2025', legacy })
    await say(INITIALIZE)
    isGone = true
    expect(await codeOf(say({ id: 2, method: 'tools/call' }))).toBe('session_lost')
  })
})

describe('a server that changes', () => {
  const REFUSED = { error: { code: -32022, message: 'Unsupported protocol version: 2025-11-25' } }

  test('upgraded: a message refused with an error of 2026 goes on in the translation, each of ten calls once', async () => {
    let isUpgraded = false
    const legacy: Reply = (message) => (isUpgraded ? REFUSED : met(message))
    const { say, server, legacy: first, modern } = setUp({ known: '2025', truth: () => '2026', legacy })
    await say(INITIALIZE)
    isUpgraded = true
    const calls = Array.from({ length: 10 }, (_, at) => say({ id: at + 2, method: 'tools/call' }))
    expect((await Promise.all(calls)).map((answers) => answers.map(({ result }) => result.by))).toEqual(
      calls.map(() => ['modern']),
    )
    expect(server.asked).toBe(1)
    expect(modern.methods().filter((method) => method === 'tools/call')).toHaveLength(10)
    // What the server has asked is void at once, and not only when nobody waits any more.
    expect([first.leaves, modern.leaves]).toEqual([['session_lost'], []])
  })

  test('an error with the number of one of 2026, of a server that is as it was, is the host’s to know, and asked about once', async () => {
    const legacy: Reply = (message) => (message.method === 'initialize' ? met(message) : REFUSED)
    const { say, server } = setUp({ known: '2025', truth: () => '2025', legacy })
    await say(INITIALIZE)
    for (const id of [2, 3, 4]) expect((await say({ id, method: 'tools/call' }))[0]?.error.code).toBe(-32022)
    expect(server.asked).toBe(1)
  })

  test('upgraded, rolled back and upgraded again: what has ended is never spoken to again', async () => {
    let truth: Era = '2025'
    const legacy: Reply = (message) => (truth === '2026' ? REFUSED : met(message))
    const modern: Reply = (message) =>
      truth === '2025' ? { error: { code: -32000, message: 'No valid session' } } : translated(message)
    const { say, legacy: first, modern: second, made } = setUp({ known: '2025', truth: () => truth, legacy, modern })
    const by = async (id: number) => (await say({ id, method: 'tools/call' }))[0]?.result.by
    await say(INITIALIZE)
    expect(await by(2)).toBe('legacy')
    truth = '2026'
    expect(await by(3)).toBe('modern')
    expect(first.isOver).toBe(true)
    truth = '2025'
    expect(await by(4)).toBe('legacy')
    expect(second.isOver).toBe(true)
    truth = '2026'
    expect(await by(5)).toBe('modern')
    expect(made.map(({ isOver }) => isOver)).toEqual([true, false])
  })

  test('a message that fails at its second try is answered with that: its request is open until then', async () => {
    const legacy: Reply = (message) => (message.method === 'initialize' ? met(message) : REFUSED)
    const modern: Reply = (message) => {
      if (message.method === 'tools/call') throw new BridgeError('server_unreachable')
      return translated(message)
    }
    const { say, pendings } = setUp({ known: '2025', truth: () => '2026', legacy, modern })
    await say(INITIALIZE)
    expect(await codeOf(say({ id: 2, method: 'tools/call' }))).toBe('server_unreachable')
    expect([...(pendings.at(-1)?.open ?? [])]).toEqual(['2'])
  })
})

describe('a memory of 2026 that is wrong', () => {
  const refusals: Record<string, Reply> = {
    'an error of its own': ({ method }) =>
      method === 'initialize'
        ? translated({ method })
        : { error: { code: -32000, message: 'No valid session ID provided' } },
    'a method that it does not know': ({ method }) =>
      method === 'initialize' ? translated({ method }) : { error: { code: -32601, message: 'Method not found' } },
    'a text with 400': ({ method }) => {
      if (method === 'initialize') return translated({ method })
      throw new BridgeError('server_error', { details: { status: 400 } })
    },
  }
  test.each(Object.entries(refusals))(
    '%s: the handshake follows, and each of ten calls goes once more',
    async (_, modern) => {
      const { say, server, legacy } = setUp({ known: '2026', truth: () => '2025', modern })
      await say(INITIALIZE)
      const calls = Array.from({ length: 10 }, (_, at) => say({ id: at + 2, method: 'tools/call' }))
      expect((await Promise.all(calls)).flat().map(({ result }) => result.by)).toEqual(calls.map(() => 'legacy'))
      expect(server.asked).toBe(1)
      expect(legacy.methods().slice(0, 2)).toEqual(['initialize', 'notifications/initialized'])
      expect(legacy.methods().filter((method) => method === 'tools/call')).toHaveLength(10)
    },
  )

  test.each([-32020, -32021, -32022])('error %i is one of 2026, and the host’s to know', async (code) => {
    const modern: Reply = ({ method }) =>
      method === 'initialize' ? translated({ method }) : { error: { code, message: 'no' } }
    const { say, server } = setUp({ known: '2026', truth: () => '2025', modern })
    await say(INITIALIZE)
    expect((await say({ id: 2, method: 'tools/call' }))[0]?.error.code).toBe(code)
    expect(server.asked).toBe(0)
  })

  test('once the server has shown that it speaks 2026, an unknown method is an answer like others', async () => {
    const modern: Reply = (message) =>
      message.method === 'tasks/list' ? { error: { code: -32601, message: 'no' } } : translated(message)
    const { say, server } = setUp({ known: '2026', truth: () => '2026', modern })
    await say(INITIALIZE)
    await say({ id: 2, method: 'tools/list' })
    expect((await say({ id: 3, method: 'tasks/list' }))[0]?.error.code).toBe(-32601)
    expect(server.asked).toBe(0)
  })

  test('once it has shown that, an error of the application is asked about once, and a rolled back server is noticed', async () => {
    let truth: Era = '2026'
    const modern: Reply = (message) => {
      if (message.method !== 'tools/call') return translated(message)
      if (truth === '2025') throw new BridgeError('server_error', { details: { status: 400 } })
      return { error: { code: 4001, message: 'quota' } }
    }
    const { say, server } = setUp({ known: '2026', truth: () => truth, modern })
    await say(INITIALIZE)
    await say({ id: 2, method: 'tools/list' })
    await new Promise(setImmediate)
    for (const id of [3, 4, 5]) expect((await say({ id, method: 'tools/call' }))[0]?.error.code).toBe(4001)
    expect(server.asked).toBe(1)
    truth = '2025'
    expect((await say({ id: 6, method: 'tools/call' }))[0]?.result.by).toBe('legacy')
  })

  test('what is answered in the server’s place proves nothing', async () => {
    const modern: Reply = ({ method }) =>
      method === 'initialize'
        ? translated({ method })
        : method === 'ping'
          ? {}
          : { error: { code: -32601, message: 'no' } }
    const { say, server } = setUp({ known: '2026', truth: () => '2025', modern })
    await say(INITIALIZE)
    expect((await say({ id: 2, method: 'ping' }))[0]?.result).toEqual({})
    expect(server.asked).toBe(0)
    expect((await say({ id: 3, method: 'tools/list' }))[0]?.result).toEqual({ by: 'legacy' })
  })

  test('a call that the host has cancelled is not sent again', async () => {
    let cancel: () => void = () => undefined
    const modern: Reply = ({ method }) => {
      if (method === 'initialize') return translated({ method })
      cancel()
      return { error: { code: -32000, message: 'no' } }
    }
    const { say, legacy } = setUp({ known: '2026', truth: () => '2025', modern })
    await say(INITIALIZE)
    const stopped = say({ id: 2, method: 'tools/call' }, (pending) => {
      cancel = () => pending.abort(new BridgeError('internal'))
    })
    await expect(stopped).rejects.toThrow()
    expect(legacy.methods()).not.toContain('tools/call')
  })
})

test('a server of 2026 is asked behind the host what it says of itself now, unless it also begins with initialize', async () => {
  const described = setUp({ known: '2026' })
  await described.say(INITIALIZE)
  await settled()
  expect(described.server.asOld).toBe(1)
  const both = setUp({ known: '2026', discover: { supportedVersions: ['2026-07-28', '2025-11-25'] } })
  await both.say(INITIALIZE)
  await settled()
  expect(both.server.asOld).toBe(0)
})
