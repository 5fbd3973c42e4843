// Which arguments of a call go into headers too: what the tool's `x-mcp-header` says (MCP 2026-07-28, "Custom Headers from Tool Parameters").
import type { Logger } from '../../ports.ts'
import { quote } from '../../redaction/text.ts'
import { cutElements, type Edit, edited } from '../message/edits.ts'
import type { Message } from '../message/message.ts'
import { createNames } from '../message/names.ts'
import { type Bytes, stringIn, whole } from '../message/pick.ts'
import { type Span, textAt } from '../message/scan.ts'
import { isArrayAt, pluck, type Wanted, walkMember } from '../message/walk.ts'
import { decimal } from './decimal.ts'
import { type Declared, declaredIn } from './declared.ts'
import { encodeHeaderValue } from './headers.ts'

export interface ParamHeaders {
  /**
   * Remembers what an answer to tools/list says. Returns it without the tools whose `x-mcp-header` breaks a rule, each with a
   * warning in the log; the same message if there are none.
   */
  learn(answer: Message): Message
  /** The `mcp-param-` headers of a call; none for other messages, and for tools that have not been seen. */
  headersFor(message: Message): Record<string, string>
}

/** Characters of all names that are remembered; beyond that, calls go without these headers and the server refuses them. */
const MOST = 1024 * 1024

export function createParamHeaders({ log }: { readonly log: Logger }): ParamHeaders {
  const tools = new Map<string, Declared>()
  const warned = createNames()
  let size = 0

  const forget = (tool: string) => {
    size -= tools.get(tool)?.size ?? 0
    tools.delete(tool)
  }
  const remember = (tool: string, declared: Declared) => {
    forget(tool)
    if (declared.size === 0 || size + declared.size > MOST) return
    tools.set(tool, declared)
    size += declared.size
  }
  /** Whether the tool stays on the list. */
  const take = (bytes: Bytes, tool: Span) => {
    const [nameAt, schemaAt] = pluck(bytes, TOOL, tool)
    const name = stringIn(bytes, nameAt, bytes.length) ?? ''
    const declared = schemaAt && mayDeclare(bytes, schemaAt) ? declaredIn(JSON.parse(textAt(bytes, schemaAt))) : NOTHING
    if (typeof declared !== 'string') {
      remember(name, declared)
      return true
    }
    forget(name)
    if (!warned.has(name))
      log.warn('proxy:tool-left-out', { message: `The tool ${quote(name, 80)} is not shown to the host: ${declared}` })
    warned.add(name)
    return false
  }

  return {
    learn(answer) {
      const { bytes } = answer
      // Most servers have none, and most of their lists neither.
      if (tools.size === 0 && !mayDeclare(bytes, whole(bytes))) return answer
      const edits: Edit[] = []
      eachList(bytes, (list) => cutElements(bytes, list, (tool) => !take(bytes, tool), edits))
      return edits.length === 0 ? answer : { ...answer, bytes: edited(bytes, edits) }
    },
    headersFor({ method, bytes }) {
      const headers: Record<string, string> = {}
      if (tools.size === 0 || method !== 'tools/call') return headers
      const [nameAt, values] = pluck(bytes, CALL)
      const declared = tools.get(stringIn(bytes, nameAt, bytes.length) ?? '')
      if (!declared || !values) return headers
      const found = pluck(bytes, declared.wanted, values)
      for (const [slot, header] of declared.headers.entries()) {
        const value = argumentAt(bytes, found[slot])
        if (value !== undefined) headers[`mcp-param-${header.toLowerCase()}`] = encodeHeaderValue(value)
      }
      return headers
    },
  }
}

const TOOL: Wanted = new Map([
  ['name', { slot: 0 }],
  ['inputSchema', { slot: 1 }],
])
const CALL: Wanted = new Map([
  [
    'params',
    {
      below: new Map([
        ['name', { slot: 0 }],
        ['arguments', { slot: 1 }],
      ]),
    },
  ],
])
const NOTHING: Declared = { wanted: new Map(), headers: [], size: 0 }
const KEYWORD = Buffer.from('x-mcp-header')

const mayDeclare = (bytes: Bytes, { start, end }: Span) => viewOf(bytes, start, end).includes(KEYWORD)

const viewOf = (bytes: Bytes, start: number, end: number) =>
  Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start)

const eachList = (bytes: Bytes, visit: (list: number) => number | undefined) =>
  walkMember(bytes, whole(bytes).start, 'result', (result) =>
    walkMember(bytes, result, 'tools', (list) => (isArrayAt(bytes, list) ? visit(list) : undefined)),
  )

const [QUOTE, LETTER_F, LETTER_N, LETTER_T, OPEN_BRACKET, OPEN_BRACE] = [34, 102, 110, 116, 91, 123]

/** The text for an argument, whatever its type is declared to be; undefined: it has none, or is not a string, number or boolean. */
function argumentAt(bytes: Bytes, span: Span | undefined): string | undefined {
  if (!span) return undefined
  const first = bytes[span.start]
  if (first === QUOTE) return stringIn(bytes, span, bytes.length)
  if (first === LETTER_N || first === OPEN_BRACE || first === OPEN_BRACKET) return undefined
  const text = textAt(bytes, span)
  return first === LETTER_T || first === LETTER_F ? text : decimal(text)
}
