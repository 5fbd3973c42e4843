// The answers that the host gets in place of the server while that is not there: cached ones, else minimal ones.
import { LEGACY, NEWEST_LEGACY } from '../era/revisions.ts'
import type { Message } from '../message/message.ts'

/** The lists of a server that may change, by the method that asks for them (MCP "Tools", "Prompts", "Resources"). */
export const LISTS = {
  'tools/list': { capability: 'tools', member: 'tools' },
  'prompts/list': { capability: 'prompts', member: 'prompts' },
  'resources/list': { capability: 'resources', member: 'resources' },
  'resources/templates/list': { capability: 'resources', member: 'resourceTemplates' },
} as const

export type ListMethod = keyof typeof LISTS
export type Capability = (typeof LISTS)[ListMethod]['capability']

export const isList = (method: string | undefined): method is ListMethod =>
  method !== undefined && Object.hasOwn(LISTS, method)

export interface InitializeResult {
  readonly protocolVersion: string
  readonly capabilities: Readonly<Record<string, unknown>>
  readonly serverInfo: Readonly<Record<string, unknown>>
  readonly instructions?: string
}

export interface Introduction {
  /** The server's last answer to initialize, if there was one. */
  readonly known: unknown
  /** The revision that was asked for then, where that is known. */
  readonly asked?: string | undefined
  /** The revision the host asked for. */
  readonly wanted: unknown
  readonly server: string
  /** Of this program. */
  readonly version: string
}

/** The answer to initialize: the cached one, else that of a server whose lists are still to come. */
export function initializeResult({ known, asked, wanted, server, version }: Introduction): InitializeResult {
  const last = isInitializeResult(known) ? known : undefined
  const protocolVersion = revision(wanted, asked, last?.protocolVersion)
  if (last) return { ...last, protocolVersion, capabilities: changing(last.capabilities) }
  return {
    protocolVersion,
    capabilities: changing({ tools: {}, prompts: {}, resources: {} }),
    serverInfo: { name: 'mcp-oauth-bridge', version },
    instructions: instructionsFor(server),
  }
}

/** Of a server whose lists are still to come. */
export const instructionsFor = (server: string) =>
  `The tools of ${server} appear when it has answered and the user is signed in. If there is a tool that signs in, call it: its result says what to do.`

/** What the server would agree to, as far as its last answer tells. Revisions are dates. */
function revision(wanted: unknown, asked: string | undefined, answered: string | undefined): string {
  const known = LEGACY.find((one) => one === wanted)
  if (known === undefined) return answered ?? NEWEST_LEGACY
  if (asked === undefined || answered === undefined || !LEGACY.some((one) => one === answered)) return known
  if (asked === known) return answered
  // It named an older one than it was asked for: its newest.
  return answered < asked && answered < known ? answered : known
}

/** Lists change with the sign-in, and the address is sent as a log message: both hold for every server. */
function changing(capabilities: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const lists = Object.values(LISTS).map(({ capability }) => capability)
  const told = Object.entries(capabilities).map(([name, value]) =>
    (lists as readonly string[]).includes(name)
      ? [name, { ...(isObject(value) ? value : {}), listChanged: true }]
      : [name, value],
  )
  return { logging: {}, ...Object.fromEntries(told) }
}

function isInitializeResult(value: unknown): value is InitializeResult {
  const { protocolVersion, capabilities, serverInfo } = (value ?? {}) as Record<string, unknown>
  return typeof protocolVersion === 'string' && isObject(capabilities) && isObject(serverInfo)
}

export const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** The list in a cached answer; undefined: there is none. */
export function knownList(method: ListMethod, known: unknown): readonly unknown[] | undefined {
  const list = isObject(known) ? known[LISTS[method].member] : undefined
  return Array.isArray(list) ? list : undefined
}

/** A whole list, on one page. */
export const listResult = (method: ListMethod, entries: readonly unknown[]): Record<string, unknown> => ({
  [LISTS[method].member]: entries,
})

export const answerTo = (request: Message, result: object): Uint8Array => answerWith(request, JSON.stringify(result))

/** `result` is JSON text. A request asks for one answer. */
export const answerWith = ({ asks: [id] }: Message, result: string): Uint8Array =>
  Buffer.from(`{"jsonrpc":"2.0","id":${id},"result":${result}}`)

export const listChanged = (capability: Capability): Uint8Array =>
  Buffer.from(`{"jsonrpc":"2.0","method":"notifications/${capability}/list_changed"}`)
