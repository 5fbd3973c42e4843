// Lists of a 2026 server that a 2025 host asks for again while they are fresh (MCP 2026-07-28, "Caching"): kept in this process, for
// one server, profile and account.
import { numberOf } from '../../bounds.ts'
import type { Authorizer, Clock } from '../../ports.ts'
import type { Message } from '../message/message.ts'
import { type Bytes, find, valueIn } from '../message/pick.ts'
import { type Change, splice } from '../message/splice.ts'
import { LISTS, type List } from './changing.ts'

/**
 * In this process and not in the store: another process does not hear this one's list_changed, and a host that is started again is
 * often started to see what is new.
 */
export interface Lists {
  /** The JSON text of the result that answers such a request; undefined: the server has to be asked. */
  find(request: Message): Promise<Bytes | undefined>
  /** To be called before the server is asked; undefined: its answer is not one that is kept. */
  begin(request: Message): Promise<Asking | undefined>
  /** The lists of this kind, or all of them, are not true any more. */
  drop(kind?: List): void
}

export interface Asking {
  /** `answer`: what the server said; `result`: the JSON text that its host got. */
  keep(answer: Message, result: () => Bytes | undefined): void
}

export interface ListsOptions {
  /** Tells whose lists they are: a sign-in as another account, and a sign-out, end them. */
  readonly authorizer: Pick<Authorizer, 'headers' | 'outlived'>
  readonly url: URL
  readonly clock: Clock
}

const KINDS: Readonly<Record<string, List>> = {
  'tools/list': 'tools',
  'prompts/list': 'prompts',
  'resources/list': 'resources',
  'resources/templates/list': 'resources',
}

/** Bytes of results that are kept in all; a longer answer is not. */
const MOST_BYTES = 8 * 1024 * 1024
/** The longest a list counts as fresh, in ms, whatever the server says. */
const LONGEST_MS = 24 * 60 * 60 * 1000

interface Kept {
  readonly kind: List
  readonly result: Bytes
  readonly ttlMs: number
  readonly at: number
  /** The same without the time that the machine slept: a clock that is set back must not make a list younger. */
  readonly atAwake: number
  readonly headers: Headers
}

type Headers = Readonly<Record<string, string>>

export function createLists({ authorizer, url, clock }: ListsOptions): Lists {
  const kept = new Map<string, Kept>()
  let size = 0
  /** How often lists of a kind were dropped: an answer on its way then may be older. */
  const dropped = { tools: 0, prompts: 0, resources: 0 }

  const remove = (key: string) => {
    size -= kept.get(key)?.result.byteLength ?? 0
    kept.delete(key)
  }
  const drop = (kind?: List) => {
    for (const each of LISTS) if (kind === undefined || kind === each) dropped[each]++
    for (const [key, one] of kept) if (kind === undefined || kind === one.kind) remove(key)
  }

  const isFresh = ({ ttlMs, at, atAwake }: Kept) => {
    const age = clock.now() - at
    return age >= 0 && age < ttlMs && clock.awake() - atAwake < ttlMs
  }

  const current = async () => authorizer.headers('POST', url)

  /** Nobody was signed in, and somebody is; or the sign-in of then has ended. */
  const isOfAnother = async ({ headers }: Kept) =>
    isSignedIn(headers) ? ((await authorizer.outlived?.(headers)) ?? false) : isSignedIn(await current())

  return {
    drop,
    async find(request) {
      const key = keyOf(request)
      const one = key === undefined ? undefined : kept.get(key)
      if (key === undefined || !one) return undefined
      if (!isFresh(one)) {
        remove(key)
        return undefined
      }
      if (!(await isOfAnother(one).catch(() => true))) return kept.get(key) === one ? one.result : undefined
      drop()
      return undefined
    },
    async begin(request) {
      const key = keyOf(request)
      const kind = KINDS[request.method ?? '']
      if (key === undefined || kind === undefined) return undefined
      const before = dropped[kind]
      // A store that cannot be read is the error of the request itself.
      const headers = await current().catch(() => undefined)
      return {
        keep(answer, resultOf) {
          remove(key)
          const ttlMs = answer.failed ? 0 : ttlIn(answer.bytes)
          // One page of a list that has failed makes the others doubtful.
          if (answer.failed) return drop(kind)
          if (ttlMs === 0 || headers === undefined || dropped[kind] !== before) return
          const result = resultOf()
          if (!result || result.byteLength > MOST_BYTES) return
          if (size + result.byteLength > MOST_BYTES) drop()
          size += result.byteLength
          kept.set(key, { kind, result, ttlMs, at: clock.now(), atAwake: clock.awake(), headers })
        },
      }
    },
  }
}

const isSignedIn = (headers: Headers) => Object.keys(headers).some((name) => name.toLowerCase() === 'authorization')

/** What changes with each request and not with its answer. */
const APART: readonly Change[] = [{ path: ['_meta', 'progressToken'], json: undefined }]

/** Two requests have the same answer if all their parameters are the same; undefined: it asks for no list. */
function keyOf({ method, bytes }: Message): string | undefined {
  if (method === undefined || !Object.hasOwn(KINDS, method)) return undefined
  const span = find(bytes, ['params'])
  const params = span ? Buffer.from(splice(bytes.subarray(span.start, span.end), APART)).toString('utf8') : '{}'
  return params.length > LONGEST_PARAMS ? undefined : `${method} ${params.replace(EMPTY_META, '{}')}`
}

const EMPTY_META = /^\{"_meta":\{\}\}$/
const LONGEST_PARAMS = 16 * 1024

/** 0: the answer is stale at once, or does not say. */
function ttlIn(bytes: Bytes): number {
  const value = valueIn(bytes, find(bytes, ['result', 'ttlMs']), 64)
  return typeof value === 'number' ? Math.min(numberOf(value) ?? 0, LONGEST_MS) : 0
}
