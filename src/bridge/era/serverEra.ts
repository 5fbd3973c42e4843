// Which revisions the server speaks: what is remembered, else its answer to one server/discover; a memory that proves wrong is replaced.
import type { Era, EraMemory } from '../../eraMemory.ts'
import { memoizeAsync } from '../../memoizeAsync.ts'
import type { Cause, Clock, Logger } from '../../ports.ts'
import type { Send } from '../http/send.ts'
import type { Message } from '../message/message.ts'
import type { Bytes } from '../message/pick.ts'
import type { Asked } from './ask.ts'

/** What the host says of itself, as JSON texts: it goes into every request of ours in its name. */
export interface HostInfo {
  readonly clientInfo: string
  readonly capabilities: string
}

/** What is asked: by ourselves in the host's name, or the host's own server/discover, whose bytes go out as they are. */
export type Question = HostInfo | Message

export interface ServerEra {
  /** What is known now; undefined: nothing, or the memory has not been read yet. */
  readonly now: Era | undefined
  /** The same, once the memory has been read. Never asks the server. */
  known(): Promise<Era | undefined>
  /**
   * The same, and asks the server if nothing is known: one question for all who wait. undefined: its answer says nothing (429, 5xx,
   * silence). @throws BridgeError where the sign-in failed, the server was not reached, or it speaks nothing that this program does
   */
  find(question: Question, cause: Cause): Promise<Era | undefined>
  /** The `result` of the server's last answer to server/discover; undefined: there is none. */
  discovered(): Promise<Bytes | undefined>
  /** Asks whatever is known, and resolves to what is true now; where nothing is, it may be the answer to somebody else's question. @throws like `find` */
  ask(question: Question, cause: Cause): Promise<Asked>
  /** What is remembered is a revision of 2025 that is older than a day, or what a server of 2026 said of itself in an earlier run. */
  readonly isOld: boolean
  /** Asks again behind the host's back if that is so. Never throws. */
  askIfOld(host: HostInfo): Promise<void>
}

export interface ServerEraOptions {
  /** Left out: nothing is remembered. */
  readonly memory?: EraMemory | undefined
  /** What the configuration says; such a server is never asked. */
  readonly protocol: 'auto' | Era
  readonly send: Send
  readonly clock: Clock
  readonly log: Logger
  /** Largest message from the server, in bytes. */
  readonly answerLimit: number
}

/** An upgraded server still answers initialize, so that 2025 never proves wrong by itself. */
const OLD_MS = 24 * 60 * 60 * 1000

export function createServerEra(options: ServerEraOptions): ServerEra {
  const { memory, protocol, clock, log } = options
  const pinned = protocol === 'auto' ? undefined : protocol
  let now = pinned
  let discovered: Bytes | undefined
  let isOld = false
  let asking: Promise<Asked> | undefined

  const failed = (thrown: Error) => log.debug('proxy:era', { message: thrown.message })
  const read = async () => {
    const last = await memory?.load().catch(failed)
    // What this run has found out is newer.
    if (!last || now !== undefined) return
    now = last.era
    if (last.discover !== undefined) discovered = Buffer.from(last.discover)
    isOld = last.era === '2026' ? discovered !== undefined : clock.now() - last.at > OLD_MS
  }
  const load = memoizeAsync(read)
  /** Of a server that is pinned, only what it said of itself is of use. */
  const loadDiscovered = memoizeAsync(async () => {
    const last = await memory?.load().catch(failed)
    if (last?.discover === undefined || discovered !== undefined) return
    discovered = Buffer.from(last.discover)
    isOld = true
  })

  const learn = ({ era, discover }: Asked) => {
    if (era === undefined) return
    if (pinned === undefined && now !== era) log.info('proxy:era', { server: era })
    now = pinned ?? era
    isOld = false
    if (discover) discovered = discover
    else if (era === '2025') discovered = undefined
    if (pinned === '2025') return
    const text = discover && Buffer.from(discover).toString('utf8')
    memory?.save({ era, ...(text === undefined ? {} : { discover: text }) }).catch(failed)
  }

  const question = async (asked: Question, cause: Cause) => {
    const found = await (await import('./ask.ts')).askEra(options, asked, cause)
    learn(found)
    // What is set holds, whatever the server says.
    return pinned === undefined || found.era === undefined ? found : { ...found, era: pinned }
  }
  const ask: ServerEra['ask'] = (asked, cause) => {
    if (pinned === '2025') return Promise.resolve({ era: pinned })
    // Where nothing is known, whoever asked first asks for all.
    if (asking && now === undefined) return asking
    const own = question(asked, cause).finally(() => {
      if (asking === own) asking = undefined
    })
    asking ??= own
    return own
  }

  return {
    get now() {
      return now
    },
    get isOld() {
      return isOld
    },
    async known() {
      if (now === undefined) await load()
      return now
    },
    async find(question, cause) {
      if (now === undefined) await load()
      if (now !== undefined) return now
      // Whoever may ask a person does so where the one before might not.
      for (let joined = asking; joined; joined = asking) {
        const found = await joined.catch(() => undefined)
        if (now !== undefined || found) return now
      }
      const { era } = await ask(question, cause)
      // The sign-in that the question led to has asked as well, in a process of its own.
      if (era === undefined && now === undefined) await read()
      return era ?? now
    },
    async discovered() {
      if (discovered === undefined && now !== '2025') await (pinned === undefined ? load() : loadDiscovered())
      return discovered
    },
    ask,
    async askIfOld(host) {
      if (!isOld) return
      isOld = false
      const before = now
      await ask(host, 'background').catch(failed)
      // A session that has begun goes on as it is; the next start knows.
      now = before
    },
  }
}
