// Makes true what the host was told: asks the server itself for each list that was given in its place, and announces those that
// differ.
import { randomUUID } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import { asBridgeError } from '../../errors.ts'
import type { Cause, Clock, Logger } from '../../ports.ts'
import type { LegacyConversation } from '../conversation.ts'
import { type Message, parseMessage } from '../message/message.ts'
import { find, valueIn } from '../message/pick.ts'
import { type Capability, isObject, LISTS, type ListMethod, listChanged } from './answers.ts'
import type { Phases, Told } from './phases.ts'
import { LONGEST_BYTES, type Recall } from './recall.ts'
import type { Available } from './signInTool.ts'

export interface TruthOptions {
  readonly conversation: LegacyConversation
  readonly phases: Phases
  readonly recall: Recall
  readonly clock: Clock
  readonly log: Logger
  readonly write: (line: Uint8Array) => Promise<void>
}

export interface Truth {
  /** Resolves when the host has heard of each list that is another one now. Never throws. */
  check(): Promise<void>
  /** The tools there are now; undefined: the server has none, or does not say. @throws BridgeError why it cannot be asked */
  tools(cause: Cause): Promise<Available | undefined>
}

type List = Readonly<Record<string, unknown>>

export function createTruth({ conversation, phases, recall, clock, log, write }: TruthOptions): Truth {
  let checking: Promise<void> | undefined

  /** undefined: an error of the server, or more than is read. */
  const ask = async (method: ListMethod, cause: Cause): Promise<List | undefined> => {
    const id = JSON.stringify(`mcp-oauth-bridge-${randomUUID()}`)
    const request = parseMessage(Buffer.from(`{"jsonrpc":"2.0","id":${id},"method":"${method}"}`)) as Message
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
      return asBridgeError(thrown).code === 'not_signed_in' ? 'later' : 'other'
    }
  }

  const checkAll = async (told: Told, capabilities: ReadonlySet<string>) => {
    const { lists } = told
    const changed = new Set<Capability>()
    const one = async ([method, list]: [ListMethod, List]) => {
      const { capability } = LISTS[method]
      const found = await compare(method, list, capabilities.has(capability))
      // The host may have asked again meanwhile, and has the server's own then.
      if (lists.get(method) !== list || found === 'later') return
      lists.delete(method)
      if (found === 'other') changed.add(capability)
    }
    await Promise.all([...lists].map(one))
    if (changed.has('tools')) told.toolsChangedAt = clock.now()
    for (const capability of changed) await write(listChanged(capability))
  }

  return {
    check() {
      const phase = phases.now
      if (phase.kind !== 'connectedLater' || phase.told.lists.size === 0) return checking ?? Promise.resolve()
      checking ??= checkAll(phase.told, phase.capabilities)
        .catch((thrown: unknown) => log.warn('proxy:sign-in', { code: asBridgeError(thrown).code }))
        .finally(() => {
          checking = undefined
        })
      return checking
    },
    async tools(cause) {
      const phase = phases.now
      if (!('capabilities' in phase) || !phase.capabilities.has('tools')) return undefined
      const list = await ask('tools/list', cause)
      if (!list || !Array.isArray(list.tools)) return undefined
      return { tools: list.tools.length, more: list.nextCursor !== undefined }
    },
  }
}
