// Outputs of tools that are not objects, which 2026 allows and strict hosts of 2025 refuse: wrapped into an object with one member, `result`, and so are the schemas that announce them.
import { type Edit, edited } from '../message/edits.ts'
import type { Message } from '../message/message.ts'
import { createNames, LONGEST_TOOL_NAME, type Names } from '../message/names.ts'
import { type Bytes, find, stringIn, whole } from '../message/pick.ts'
import { type Span, skipValue, textAt } from '../message/scan.ts'
import { isArrayAt, isObjectAt, nameAt, pluck, type Wanted, walk, walkArray, walkMember } from '../message/walk.ts'
import { moveReferences } from './references.ts'

/**
 * An answer to tools/list in the words of 2025: an outputSchema whose root is not `type: object` becomes that of an object around
 * it, and properties whose schema is `true` or `false` get the same as an object. `wrapped` has the names of all tools whose
 * schema was wrapped; hand it to `wrapOutput` too.
 */
export function wrapTools(answer: Message, wrapped: Names = createNames()): Message {
  const { bytes } = answer
  const edits: Edit[] = []
  walkMember(bytes, whole(bytes).start, 'result', (result) =>
    walkMember(bytes, result, 'tools', (tools) =>
      isArrayAt(bytes, tools)
        ? walkArray(bytes, tools, (tool) => (isObjectAt(bytes, tool) ? inTool(bytes, tool, edits, wrapped) : undefined))
        : undefined,
    ),
  )
  return withBytes(answer, edited(bytes, edits))
}

/**
 * An answer to tools/call in the words of 2025: structuredContent that is not an object is put into one, and so is any of a tool
 * whose schema was wrapped. `call`: the request that it answers.
 */
export function wrapOutput(answer: Message, call?: Message, wrapped?: Names): Message {
  const { bytes } = answer
  const [output] = pluck(bytes, OUTPUT)
  if (!output || (isObjectAt(bytes, output.start) && !(call && wrapped && isOf(call, wrapped)))) return answer
  const around = [
    { start: output.start, end: output.start, by: '{"result":' },
    { start: output.end, end: output.end, by: '}' },
  ]
  return withBytes(answer, edited(bytes, around))
}

const OUTPUT: Wanted = new Map([['result', { below: new Map([['structuredContent', { slot: 0 }]]) }]])

/** Ids and method are the same; the bytes need not be read again for them. */
const withBytes = (answer: Message, bytes: Bytes): Message => (bytes === answer.bytes ? answer : { ...answer, bytes })

function isOf({ bytes }: Message, wrapped: Names): boolean {
  const tool = stringIn(bytes, find(bytes, ['params', 'name']), LONGEST_TOOL_NAME * 6)
  return tool !== undefined && wrapped.has(tool)
}

function inTool(bytes: Bytes, start: number, edits: Edit[], wrapped: Names): number {
  let tool: string | undefined
  let isWrapped = false
  const end = walk(bytes, start, (at, value) => {
    const member = nameAt(bytes, at)
    if (member === 'inputSchema') return inProperties(bytes, value, edits)
    if (member !== 'name' && member !== 'outputSchema') return undefined
    const after = skipValue(bytes, value)
    const span = { start: value, end: after }
    if (member === 'name') tool = stringIn(bytes, span, LONGEST_TOOL_NAME * 6)
    else isWrapped = wrapSchema(bytes, span, edits) === 'wrapped'
    return after
  })
  if (tool !== undefined) {
    if (isWrapped) wrapped.add(tool)
    else wrapped.delete(tool)
  }
  return end
}

const [LETTER_F, LETTER_T] = [102, 116]

/** What a schema of one word says, as an object (JSON Schema 2020-12, Core section 4.3.2). */
const asObject = (bytes: Bytes, start: number): string | undefined =>
  bytes[start] === LETTER_T ? '{}' : bytes[start] === LETTER_F ? '{"not":{}}' : undefined

/** Hosts of 2025 take only objects for the schemas of properties. */
function inProperties(bytes: Bytes, start: number, edits: Edit[]): number | undefined {
  return walkMember(bytes, start, 'properties', (properties) =>
    isObjectAt(bytes, properties)
      ? walk(bytes, properties, (_, value) => {
          const by = asObject(bytes, value)
          if (by === undefined) return undefined
          const end = skipValue(bytes, value)
          edits.push({ start: value, end, by })
          return end
        })
      : undefined,
  )
}

const [TYPE, SCHEMA] = [0, 1]
const ROOT: Wanted = new Map([
  ['type', { slot: TYPE }],
  ['$schema', { slot: SCHEMA }],
])

function wrapSchema(bytes: Bytes, natural: Span, edits: Edit[]): 'wrapped' | 'as it is' {
  const { start, end } = natural
  const by = asObject(bytes, start)
  if (by !== undefined) {
    edits.push({ start, end, by: `${BEFORE}${by}${AFTER}` })
    return 'wrapped'
  }
  if (!isObjectAt(bytes, start)) return 'as it is'
  const found = pluck(bytes, ROOT, natural)
  if (stringIn(bytes, found[TYPE]) === 'object') {
    inProperties(bytes, start, edits)
    return 'as it is'
  }
  const dialect = found[SCHEMA]
  const schema = dialect && bytes[dialect.start] === QUOTE ? `{"$schema":${textAt(bytes, dialect)},` : '{'
  edits.push({ start, end: start, by: `${schema}${BEFORE.slice(1)}` })
  edits.push(...moveReferences(bytes, natural, '#/properties/result'))
  edits.push({ start: end, end, by: AFTER })
  return 'wrapped'
}

const QUOTE = 34
const BEFORE = '{"type":"object","properties":{"result":'
const AFTER = '},"required":["result"]}'
