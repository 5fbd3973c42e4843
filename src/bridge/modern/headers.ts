// The headers of every POST to a 2026 server: what servers and those between read there stands in the body too (MCP 2026-07-28, "Streamable HTTP", Request Metadata).
import { META, MODERN } from '../era/revisions.ts'
import type { Message } from '../message/message.ts'
import { stringIn } from '../message/pick.ts'
import { pluck, type Slot, type Wanted } from '../message/walk.ts'

/** The member of `params` that `Mcp-Name` repeats: the three of the specification, and those of the tasks extension (SEP-2663). */
const NAMED: Readonly<Record<string, 'name' | 'uri' | 'taskId'>> = {
  'tools/call': 'name',
  'prompts/get': 'name',
  'resources/read': 'uri',
  'tasks/get': 'taskId',
  'tasks/update': 'taskId',
  'tasks/cancel': 'taskId',
}

const [VERSION, NAME] = [0, 1]

/** What is read of a message whose name is `member` of its params; '': it has none. */
function wantedWith(member: string): Wanted {
  const meta: Slot = { below: new Map([[META.version, { slot: VERSION }]]) }
  const params = new Map([['_meta', meta], ...(member === '' ? [] : ([[member, { slot: NAME }]] as const))])
  return new Map([['params', { below: params }]])
}

const WANTED: ReadonlyMap<string, Wanted> = new Map(
  ['', 'name', 'uri', 'taskId'].map((member) => [member, wantedWith(member)]),
)

/**
 * `mcp-protocol-version` as `_meta` names it, or this program's own where it names none; for a request also `mcp-method`, and
 * `mcp-name` where it has one.
 */
export function modernHeaders({ kind, method, bytes }: Message): Record<string, string> {
  const isRequest = kind === 'request' && method !== undefined
  const member = isRequest && Object.hasOwn(NAMED, method) ? (NAMED[method] ?? '') : ''
  const found = pluck(bytes, WANTED.get(member) ?? new Map())
  const version = stringIn(bytes, found[VERSION]) ?? MODERN
  const headers: Record<string, string> = { 'mcp-protocol-version': encodeHeaderValue(version) }
  if (isRequest) headers['mcp-method'] = encodeHeaderValue(method)
  const name = stringIn(bytes, found[NAME], bytes.length)
  if (name !== undefined) headers['mcp-name'] = encodeHeaderValue(name)
  return headers
}

/** Visible ASCII, with spaces and tabs between. */
const PLAIN = /^[!-~](?:[\t -~]*[!-~])?$/

/**
 * A text as the value of a header (MCP 2026-07-28, "Value Encoding"): as it is where a header can carry it, else in Base64, as is
 * whatever could be mistaken for that. An empty one too: servers take an empty header for a missing one.
 */
export const encodeHeaderValue = (text: string): string =>
  PLAIN.test(text) && !seemsEncoded(text) ? text : `=?base64?${Buffer.from(text, 'utf8').toString('base64')}?=`

/** Also where the two marks share a character, as in `=?base64?=`. */
const seemsEncoded = (text: string) => text.startsWith('=?base64?') && text.endsWith('?=')
