// The revisions of MCP by their dates, and the names that 2026-07-28 gives to the members of `_meta`.
import type { Era } from '../../eraMemory.ts'
import { type Bytes, stringIn } from '../message/pick.ts'
import { pluck, type Wanted } from '../message/walk.ts'

/** Those that begin with initialize, oldest first. */
export const LEGACY = ['2024-11-05', '2025-03-26', '2025-06-18', '2025-11-25'] as const
export const NEWEST_LEGACY = '2025-11-25'
/** The one modern revision that this program speaks. */
export const MODERN = '2026-07-28'

/** The members of `_meta` that belong to the protocol (MCP 2026-07-28, "Overview: _meta"). */
export const META = {
  version: 'io.modelcontextprotocol/protocolVersion',
  capabilities: 'io.modelcontextprotocol/clientCapabilities',
  client: 'io.modelcontextprotocol/clientInfo',
  server: 'io.modelcontextprotocol/serverInfo',
  logLevel: 'io.modelcontextprotocol/logLevel',
  subscription: 'io.modelcontextprotocol/subscriptionId',
} as const

/** The era of a revision; revisions are compared by their date, so that one from after this program counts as modern. */
export const eraOf = (revision: string): Era => (revision >= MODERN ? '2026' : '2025')

/** The revision that a request names in its `_meta`; undefined: it is none of 2026. */
export const revisionOf = (bytes: Bytes): string | undefined => stringIn(bytes, pluck(bytes, REVISION)[0])

const REVISION: Wanted = new Map([
  ['params', { below: new Map([['_meta', { below: new Map([[META.version, { slot: 0 }]]) }]]) }],
])

const MAY_ASK: ReadonlySet<string | undefined> = new Set(['tools/call', 'prompts/get', 'resources/read'])

/** Whether a request of this method may be answered with a question (MCP 2026-07-28, "Multi Round-Trip Requests"). */
export const mayAsk = (method: string | undefined): boolean => MAY_ASK.has(method)

/** JSON-RPC error codes of MCP 2026-07-28, "Overview: Error Codes". */
export const HEADER_MISMATCH = -32020
export const MISSING_CAPABILITY = -32021
export const UNSUPPORTED_VERSION = -32022
