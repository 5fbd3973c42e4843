// What a request of a 2026 host says in its members, and the same request as 2025 has it: without the protocol's own members of `_meta`.
import { META, mayAsk } from '../../era/revisions.ts'
import type { Message, RawId } from '../../message/message.ts'
import { type Bytes, eachPlace, find, isNamed } from '../../message/pick.ts'
import { type Span, textAt } from '../../message/scan.ts'
import { type Change, splice } from '../../message/splice.ts'
import { nameAt, pluck, type Wanted } from '../../message/walk.ts'

export interface Asked {
  readonly id: RawId
  readonly method: string
  /** JSON text of what it is about: the name of a tool or prompt, the URI of a resource. */
  readonly name: string | undefined
  /** JSON text of its progressToken. */
  readonly token: string | undefined
  /** JSON text of the level from which on it wants log messages. */
  readonly level: string | undefined
  /** JSON text of the state that came with a question. */
  readonly state: string | undefined
  /** JSON text of the answers to questions. */
  readonly responses: string | undefined
  /** Whether it wants to be a task of 2025. */
  readonly isTask: boolean
  /** The member of `_meta` that each request must have, and this one has not; undefined: it has both. */
  readonly lacks: string | undefined
}

const WANTED: Wanted = new Map([
  [
    'params',
    {
      below: new Map([
        ['name', { slot: 0 }],
        ['uri', { slot: 1 }],
        ['requestState', { slot: 2 }],
        ['inputResponses', { slot: 3 }],
        ['task', { slot: 4 }],
        [
          '_meta',
          {
            below: new Map([
              ['progressToken', { slot: 5 }],
              [META.logLevel, { slot: 6 }],
              [META.version, { slot: 7 }],
              [META.capabilities, { slot: 8 }],
            ]),
          },
        ],
      ]),
    },
  ],
])

const [QUOTE, OPEN_BRACE] = [34, 123]

/** MCP 2026-07-28, "Overview: _meta": its name, its slot, and how its value begins. */
const REQUIRED = [
  [META.version, 7, QUOTE],
  [META.capabilities, 8, OPEN_BRACE],
] as const

export function read({ bytes, asks, method = '' }: Message): Asked {
  const spans = pluck(bytes, WANTED)
  const text = (slot: number) => {
    const span = spans[slot]
    return span && textAt(bytes, span)
  }
  const canAsk = mayAsk(method)
  return {
    id: asks[0] ?? 'null',
    method,
    name: method === 'resources/read' ? text(1) : text(0),
    token: text(5),
    level: text(6),
    state: canAsk ? text(2) : undefined,
    responses: canAsk ? text(3) : undefined,
    isTask: method === 'tools/call' && spans[4] !== undefined,
    lacks: REQUIRED.find(([, slot, first]) => bytes[spans[slot]?.start ?? bytes.length] !== first)?.[0],
  }
}

/** Whether two JSON texts are one value: a string may be written with other escapes, and many a reader rounds large numbers. */
export const isSame = (one: string | undefined, other: string | undefined): boolean =>
  one === other || (one !== undefined && other !== undefined && JSON.parse(one) === JSON.parse(other))

const PREFIX = 'io.modelcontextprotocol/'

/** `token`: JSON text of the progressToken that stands for the host's own; left out, that stays. */
export function toLegacyRequest({ bytes }: Message, id: RawId, asked: Asked, token?: string): Bytes {
  return splice(bytes, [
    { path: ['id'], json: id },
    ...(mayAsk(asked.method) ? [gone('requestState'), gone('inputResponses')] : []),
    ...metaChanges(bytes, token),
  ])
}

/** `id`: how the server knows the request that is cancelled. */
export function toLegacyNotification({ bytes }: Message, id?: RawId): Bytes {
  const target: readonly Change[] = id === undefined ? [] : [{ path: ['params', 'requestId'], json: id }]
  return splice(bytes, [...target, ...metaChanges(bytes)])
}

const gone = (member: string): Change => ({ path: ['params', member], json: undefined })

/** The protocol's members go; `_meta` goes with them where nothing else is in it. */
function metaChanges(bytes: Bytes, token?: string): readonly Change[] {
  const params = find(bytes, ['params'])
  if (!params) return []
  const ours = new Set<Change>()
  let others = 0
  const take = (name: Span) => {
    const known = KNOWN.find(([member]) => isNamed(bytes, name, member))?.[1]
    if (known) return void ours.add(known)
    const member = nameAt(bytes, name)
    if (member.startsWith(PREFIX)) ours.add({ path: ['params', '_meta', member], json: undefined })
    else others++
  }
  // Parsers differ in which of two members with one name counts.
  eachPlace(bytes, params, (name, value) => {
    if (!isNamed(bytes, name, '_meta')) return
    if (bytes[value.start] !== OPEN_BRACE) others++
    eachPlace(bytes, value, take)
  })
  if (others === 0) return [gone('_meta')]
  const changes = [...ours]
  return token === undefined ? changes : [...changes, { path: ['params', '_meta', 'progressToken'], json: token }]
}

/** What nearly every request has. */
const KNOWN = [META.version, META.capabilities, META.client, META.logLevel].map(
  (member) => [member, { path: ['params', '_meta', member], json: undefined }] as const,
)
