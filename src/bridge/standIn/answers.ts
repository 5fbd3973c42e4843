// The answers that the host gets in place of the server while a person signs in: cached ones, else minimal ones.
import type { Message } from '../message/message.ts'

/** The lists of a server that may change, by the method that asks for them. */
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

/** The tool a host without a known list is shown; a call to it waits for the sign-in and returns its address. */
export const SIGN_IN_TOOL = 'sign_in'

export interface InitializeResult {
  readonly protocolVersion: string
  readonly capabilities: Readonly<Record<string, unknown>>
  readonly serverInfo: Readonly<Record<string, unknown>>
  readonly instructions?: string
}

export interface Introduction {
  /** The server's last answer to initialize, if there was one. */
  readonly known: unknown
  /** The revision the host asked for. */
  readonly wanted: unknown
  readonly server: string
  /** Of this program. */
  readonly version: string
}

const REVISIONS = ['2024-11-05', '2025-03-26', '2025-06-18', '2025-11-25']

/** The answer to initialize: the cached one, else that of a server with lists only. */
export function initializeResult({ known, wanted, server, version }: Introduction): InitializeResult {
  const last = isInitializeResult(known) ? known : undefined
  const protocolVersion = REVISIONS.find((revision) => revision === wanted) ?? last?.protocolVersion ?? '2025-11-25'
  if (last) return { ...last, protocolVersion, capabilities: changing(last.capabilities) }
  return {
    protocolVersion,
    capabilities: changing({ tools: {}, prompts: {}, resources: {} }),
    serverInfo: { name: 'mcp-oauth-bridge', version },
    instructions: `The user has to sign in to ${server} first. The tools of the server appear after the sign-in.`,
  }
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

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Whether the server's last answer holds such a list. */
export const isKnown = (method: ListMethod, known: unknown): boolean =>
  isObject(known) && Array.isArray(known[LISTS[method].member])

/** The cached list, on one page; else an empty one, or for tools the sign-in tool. */
export function listResult(method: ListMethod, known: unknown, server: string): object {
  const { member } = LISTS[method]
  if (isObject(known) && isKnown(method, known)) return { [member]: known[member] }
  return { [member]: method === 'tools/list' ? [signInTool(server)] : [] }
}

/** The answer for a list that the server does not have. */
export const emptyList = (method: ListMethod): object => ({ [LISTS[method].member]: [] })

const signInTool = (server: string) => ({
  name: SIGN_IN_TOOL,
  title: 'Sign in',
  description: `Signs the user in to ${server}. The tools of the server appear after the sign-in.`,
  inputSchema: { type: 'object', properties: {} },
  annotations: { idempotentHint: true, openWorldHint: true },
})

/** The result of calling the sign-in tool. */
export const signInToolResult = (text: string) => ({ content: [{ type: 'text', text }] })

/** A request asks for one answer. */
export const answerTo = ({ asks: [id] }: Message, result: object): Uint8Array =>
  Buffer.from(`{"jsonrpc":"2.0","id":${id},"result":${JSON.stringify(result)}}`)

export const listChanged = (capability: Capability): Uint8Array =>
  Buffer.from(`{"jsonrpc":"2.0","method":"notifications/${capability}/list_changed"}`)
