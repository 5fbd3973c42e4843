// The cached answers of a server for a host, without the tools that the host must not see.
import type { KnownAnswers, Logger } from '../../ports.ts'
import type { HiddenTools } from '../hideTools.ts'
import type { Message } from '../message/message.ts'
import { eachMember, find, valueIn } from '../message/pick.ts'

export interface RecallOptions {
  readonly known: KnownAnswers
  /** Left out: none are hidden. */
  readonly hiddenTools?: Promise<HiddenTools> | undefined
  readonly log: Logger
}

export interface Recall {
  /** The `result` of the server's last answer; undefined: nothing is known. Never throws. */
  load(method: string): Promise<unknown>
  /** Keeps what a host may be told next time. False: that answer is not of a kind that is kept. */
  learn(request: Message, answer: Message): boolean
}

const LEARNT = new Set(['initialize', 'tools/list', 'prompts/list', 'resources/list', 'resources/templates/list'])
/** More is not even read; how much is kept, the memory says. */
const LONGEST_BYTES = 2 * 1024 * 1024

export function createRecall({ known, hiddenTools, log }: RecallOptions): Recall {
  const failed = (thrown: Error) => log.debug('proxy:learn', { message: thrown.message })

  return {
    async load(method) {
      // A memory that cannot be read knows nothing: the host must hear something all the same.
      const last = await known.load(method).catch(failed)
      if (method !== 'tools/list' || !hiddenTools || typeof last !== 'object' || last === null) return last ?? undefined
      const { tools } = last as { tools?: unknown }
      return Array.isArray(tools) ? { ...last, tools: (await hiddenTools).visible(tools) } : last
    },
    learn({ method = '', bytes: asked }, { failed: isError, bytes }) {
      if (isError || !LEARNT.has(method)) return false
      if (method !== 'initialize' && find(asked, ['params', 'cursor'])) return false
      const result =
        bytes.byteLength > LONGEST_BYTES ? undefined : valueIn(bytes, find(bytes, ['result']), LONGEST_BYTES)
      known.save(method, result).catch(failed)
      return true
    },
  }
}

/** Those that matter to a sign-in, of whatever a server says; undefined: it has not introduced itself. */
export function capabilitiesIn({ bytes }: Message): ReadonlySet<string> | undefined {
  const result = find(bytes, ['result'])
  if (!result || bytes[result.start] !== OPEN_BRACE) return undefined
  const named = new Set<string>()
  const all = find(bytes, ['capabilities'], result)
  if (all) eachMember(bytes, all, (name) => void (TOLD.has(name) && named.add(name)))
  return named
}

const OPEN_BRACE = 123
const TOLD = new Set(['logging', 'tools', 'prompts', 'resources'])
