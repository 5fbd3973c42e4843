// Hides tools from the host: removes them from tools/list answers and refuses calls to them. Loaded only if some are configured.
import { BridgeError } from '../errors.ts'
import { glob } from '../glob.ts'
import { quote } from '../redaction/text.ts'
import { cutElements, type Edit, edited } from './message/edits.ts'
import { isForAnother, type Message, parseMessage } from './message/message.ts'
import { type Bytes, eachMember, eachMessage, find, stringIn, valueIn } from './message/pick.ts'
import type { Span } from './message/scan.ts'
import { isArrayAt } from './message/walk.ts'

export interface HiddenTools {
  /** @throws BridgeError tool_hidden for a call, or a batch with one */
  refuse(message: Message): void
  /** The answer without the hidden tools; the same message if there are none. `asked`: whose stream it came on, if that is known. */
  strip(answer: Message, asked?: Message): Message
  /** The list without the hidden tools. */
  visible(tools: readonly unknown[]): readonly unknown[]
}

/** Methods whose result is a list of tools, or may be one. */
const LISTING = new Set(['tools/list', 'tasks/result'])

/** `patterns`: names of tools; `*` matches any characters, or none. */
export function createHiddenTools(patterns: readonly string[]): HiddenTools {
  const hides = matcherOf(patterns)
  const isHidden = (bytes: Bytes, tool: Span) => {
    let hidden = false
    eachValue(bytes, tool, 'name', (at) => {
      // A name that is too long to be read must not be shown.
      const name = stringIn(bytes, at)
      hidden ||= bytes[at.start] === QUOTE && (name === undefined || hides(name))
    })
    return hidden
  }

  return {
    refuse({ bytes }) {
      eachMessage(bytes, (message) => {
        let calls = false
        eachValue(bytes, message, 'method', (at) => {
          calls ||= stringIn(bytes, at) === 'tools/call'
        })
        if (!calls) return
        eachValue(bytes, message, 'params', (params) =>
          eachValue(bytes, params, 'name', (at) => {
            const name = calledName(bytes, at)
            if (hides(name))
              throw new BridgeError('tool_hidden', {
                message: `The tool ${quote(name, 80)} is hidden by the setting hide_tools.`,
              })
          }),
        )
      })
    },
    strip(answer, asked) {
      const { kind, bytes } = answer
      const isOther = kind === 'request' || kind === 'notification'
      if (asked && !isOther && !isForAnother(answer, asked) && !asksForTools(asked)) return answer
      const edits: Edit[] = []
      eachList(bytes, ({ start }) => {
        if (isArrayAt(bytes, start)) cutElements(bytes, start, (tool) => isHidden(bytes, tool), edits)
      })
      return edits.length === 0 ? answer : (parseMessage(edited(bytes, edits)) ?? answer)
    },
    visible: (tools) =>
      tools.filter((tool) => {
        const bytes = Buffer.from(JSON.stringify(tool))
        return !isHidden(bytes, { start: 0, end: bytes.length })
      }),
  }
}

function asksForTools({ kind, method, bytes }: Message): boolean {
  if (kind !== 'batch') return LISTING.has(method ?? '')
  let asks = false
  eachMessage(bytes, (one) => {
    asks ||= LISTING.has(stringIn(bytes, find(bytes, ['method'], one)) ?? '')
  })
  return asks
}

/**
 * Every value that some parser takes for the member `wanted`: if a name occurs twice, parsers differ in which counts, and
 * some ignore case.
 */
function eachValue(bytes: Bytes, object: Span, wanted: string, visit: (value: Span) => void): void {
  eachMember(bytes, object, (name, value) => {
    if (name.toLowerCase() === wanted) visit(value)
  })
}

/** As a server may read it that does not look at its type. */
function calledName(bytes: Bytes, at: Span): string {
  if (bytes[at.start] === QUOTE) return stringIn(bytes, at, bytes.length) ?? ''
  const values: unknown[] = [valueIn(bytes, at, LONGEST_VALUE)].flat(LONGEST_VALUE)
  return values.map((value) => (typeof value === 'object' ? '' : String(value))).join(',')
}

/** Every list of tools in a message or batch. */
function eachList(bytes: Bytes, visit: (list: Span) => void): void {
  eachMessage(bytes, (message) =>
    eachValue(bytes, message, 'result', (result) => eachValue(bytes, result, 'tools', visit)),
  )
}

const QUOTE = 34
const LONGEST_VALUE = 1024

function matcherOf(patterns: readonly string[]): (name: string) => boolean {
  const wanted = patterns.map((pattern) => glob(pattern.normalize('NFC')))
  return (name) => {
    const plain = name.normalize('NFC')
    return wanted.some((matches) => matches(plain))
  }
}
