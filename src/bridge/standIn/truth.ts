// Makes true what the host was told: asks the server itself for each list that was given in its place, and announces those that
// differ.
import { randomUUID } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import { asBridgeError, type BridgeError } from '../../errors.ts'
import type { Cause, Clock, Logger } from '../../ports.ts'
import type { LegacyConversation } from '../conversation.ts'
import { type Message, parseMessage } from '../message/message.ts'
import { find, valueIn } from '../message/pick.ts'
import { type Capability, isObject, LISTS, type ListMethod } from './answers.ts'
import { LONGEST_BYTES, type Recall } from './recall.ts'
import type { Available } from './signInTool.ts'
import type { News, ToldHere } from './told.ts'

export interface TruthOptions {
  readonly conversation: Pick<LegacyConversation, 'ask'>
  /** What can be asked for now, and what the host was told of it; undefined: the server is not there. */
  readonly there: () => { readonly told?: ToldHere; has(capability: Capability): boolean } | undefined
  /** Whether this failure says nothing about a list: it is compared another time. */
  readonly saysNothing: (error: BridgeError) => boolean
  /** JSON text of the `_meta` of requests of ours; undefined: they have none. */
  readonly meta?: () => string | undefined
  readonly announce: News['announce']
  readonly recall: Recall
  readonly clock: Clock
  readonly log: Logger
}

export interface Truth {
  /** Resolves when the host has heard of each list that is another one now. Never throws. */
  check(): Promise<void>
  /** The tools there are now; undefined: the server has none, or does not say. @throws BridgeError why it cannot be asked */
  tools(cause: Cause): Promise<Available | undefined>
}

type List = Readonly<Record<string, unknown>>

export function createTruth(options: TruthOptions): Truth {
  const { conversation, there, saysNothing, meta, announce, recall, clock, log } = options
  let checking: Promise<void> | undefined
  let isDue = false

  /** undefined: an error of the server, or more than is read. */
  const ask = async (method: ListMethod, cause: Cause): Promise<List | undefined> => {
    const request = ownRequest(method, meta?.())
    const answer = await conversation.ask(request, cause)
    if (!answer || answer.failed) return undefined
    recall.learn(request, answer)
    const result = valueIn(answer.bytes, find(answer.bytes, ['result']), LONGEST_BYTES)
    return isObject(result) ? result : {}
  }

  /** 'later': it cannot be known before somebody has signed in. */
  const compare = async (method: ListMethod, told: List, isThere: boolean): Promise<'same' | 'other' | 'later'> => {
    const { member } = LISTS[method]
    const isEmpty = isDeepStrictEqual(told[member], [])
    if (!isThere) return isEmpty ? 'same' : 'other'
    try {
      const now = await ask(method, 'background')
      if (!now) return isEmpty ? 'same' : 'other'
      return now.nextCursor === undefined && isDeepStrictEqual(now[member], told[member]) ? 'same' : 'other'
    } catch (thrown) {
      return saysNothing(asBridgeError(thrown)) ? 'later' : 'other'
    }
  }

  const checkAll = async (told: ToldHere, has: (capability: Capability) => boolean) => {
    const { lists } = told
    const changed = new Set<Capability>()
    const one = async ([method, list]: [ListMethod, List]) => {
      const { capability } = LISTS[method]
      const found = await compare(method, list, has(capability))
      // The host may have asked again meanwhile, and has the server's own then.
      if (lists.get(method) !== list || found === 'later') return
      lists.delete(method)
      if (found === 'other') changed.add(capability)
    }
    await Promise.all([...lists].map(one))
    if (changed.has('tools')) told.toolsChangedAt = clock.awake()
    for (const capability of changed)
      if (!(await announce(capability)) && capability === 'tools') told.toolsChangedAt = undefined
  }

  const checkWhileDue = async () => {
    while (isDue) {
      isDue = false
      const { told, has = () => false } = there() ?? {}
      if (told && told.lists.size > 0) await checkAll(told, has)
    }
  }

  return {
    check() {
      const { told } = there() ?? {}
      if (!told || told.lists.size === 0) return checking ?? Promise.resolve()
      // What could not be known when the one on its way began may be known now.
      isDue = true
      checking ??= checkWhileDue()
        .catch((thrown: unknown) => log.warn('proxy:sign-in', { code: asBridgeError(thrown).code }))
        .finally(() => {
          checking = undefined
        })
      return checking
    },
    async tools(cause) {
      if (!there()?.has('tools')) return undefined
      const list = await ask('tools/list', cause)
      if (!list || !Array.isArray(list.tools)) return undefined
      return { tools: list.tools.length, more: list.nextCursor !== undefined }
    },
  }
}

/** A request whose id is not one of the host's. */
function ownRequest(method: string, meta: string | undefined): Message {
  const id = JSON.stringify(`mcp-oauth-bridge-${randomUUID()}`)
  const params = meta === undefined ? '' : `,"params":{"_meta":${meta}}`
  return parseMessage(Buffer.from(`{"jsonrpc":"2.0","id":${id},"method":"${method}"${params}}`)) as Message
}
