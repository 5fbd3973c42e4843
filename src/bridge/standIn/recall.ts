// The cached answers of a server for a host, without the tools that the host must not see.
import type { KnownAnswers, Logger } from '../../ports.ts'
import type { HiddenTools } from '../hideTools.ts'
import type { Message } from '../message/message.ts'
import { eachMember, find, stringIn, valueIn } from '../message/pick.ts'

export interface RecallOptions {
  readonly known: KnownAnswers
  /** Left out: none are hidden. */
  readonly hiddenTools?: Promise<HiddenTools> | undefined
  readonly log: Logger
}

export interface Recall {
  /** The `result` of the server's last answer; undefined: not cached. Never throws. */
  load(method: string): Promise<unknown>
  /** The same of initialize, and the revision that was asked for. */
  loadInitialize(): Promise<{ readonly known: unknown; readonly asked?: string | undefined }>
  /** Whether the answer to such a request may be kept. */
  learns(request: Message): boolean
  /** Caches an answer for the next start. False: this kind of answer is not cached. */
  learn(request: Message, answer: Message): boolean
  /** The same after the host has its answer: reading it and the database takes longer than passing it on. */
  learnSoon(request: Message, answer: Message): void
  /** Resolves when all of that is kept. Never throws. */
  kept(): Promise<void>
}

const LEARNT = new Set(['initialize', 'tools/list', 'prompts/list', 'resources/list', 'resources/templates/list'])
/** Larger answers are not read; the store limits what is kept. */
export const LONGEST_BYTES = 2 * 1024 * 1024

export function createRecall({ known, hiddenTools, log }: RecallOptions): Recall {
  const keeping = new Set<Promise<void>>()
  const keep = (work: Promise<void>) => {
    keeping.add(work)
    void work.then(() => keeping.delete(work))
  }
  const failed = (thrown: Error) => log.debug('proxy:learn', { message: thrown.message })
  // If the cache cannot be read, the host must still get an answer.
  const read = async (method: string) => (await known.load(method).catch(failed)) ?? undefined

  const learn: Recall['learn'] = ({ method = '', bytes: asked }, { failed: isError, bytes }) => {
    if (isError || !LEARNT.has(method)) return false
    if (method !== 'initialize' && find(asked, ['params', 'cursor'])) return false
    const result = bytes.byteLength > LONGEST_BYTES ? undefined : valueIn(bytes, find(bytes, ['result']), LONGEST_BYTES)
    const kept = method === 'initialize' && result !== undefined ? { asked: revisionIn(asked), result } : result
    keep(known.save(method, kept).catch(failed))
    return true
  }

  return {
    async load(method) {
      const last = await read(method)
      if (method !== 'tools/list' || !hiddenTools || typeof last !== 'object' || last === null) return last
      const { tools } = last as { tools?: unknown }
      return Array.isArray(tools) ? { ...last, tools: (await hiddenTools).visible(tools) } : last
    },
    async loadInitialize() {
      const last = await read('initialize')
      const { asked, result } = (last ?? {}) as { asked?: unknown; result?: unknown }
      // Earlier versions kept the result alone.
      return typeof asked === 'string' ? { known: result, asked } : { known: last }
    },
    learns: ({ method }) => method !== undefined && LEARNT.has(method),
    learn,
    learnSoon(request, answer) {
      keep(new Promise((resolve) => setImmediate(setImmediate, resolve)).then(() => void learn(request, answer)))
    },
    async kept() {
      while (keeping.size > 0) await Promise.all(keeping)
    },
  }
}

/** The revision that an initialize asks for; '' where it names none. */
export const revisionIn = (bytes: Uint8Array): string =>
  stringIn(bytes, find(bytes, ['params', 'protocolVersion'])) ?? ''

/** The members that matter during a sign-in; undefined: the server has not answered initialize. */
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
