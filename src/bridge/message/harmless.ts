// Which requests may be carried out twice: those that only read, or that end in the same state when done again.
import type { Message } from './message.ts'
import { createNames, LONGEST_TOOL_NAME } from './names.ts'
import { type Bytes, eachElement, eachMessage, find, stringIn } from './pick.ts'
import { type Span, textAt } from './scan.ts'

/** Methods that only read, or that end in the same state when done twice. */
const HARMLESS = new Set(
  `ping tools/list prompts/list prompts/get resources/list resources/templates/list resources/read resources/subscribe
  resources/unsubscribe logging/setLevel completion/complete server/discover tasks/get tasks/list tasks/result`.split(
    /\s+/,
  ),
)
/** A larger list, in bytes, is not recorded. */
const LONGEST_LIST = 4 * 1024 * 1024

export interface Harmless {
  /** Whether all of a message is harmless to do twice. */
  mayRunTwice(message: Message): boolean
  /** Records which tools a tools/list answer declares read-only or idempotent. */
  learn(answer: Message): void
}

export function createHarmless(): Harmless {
  const tools = createHarmlessTools()
  return {
    mayRunTwice({ bytes }) {
      let harmless = true
      eachMessage(bytes, (one) => {
        harmless &&= isHarmless(bytes, one, tools)
      })
      return harmless
    },
    learn: tools.learn,
  }
}

interface HarmlessTools {
  has(name: string): boolean
  /** Records which tools a tools/list answer declares read-only or idempotent. */
  learn(answer: Message): void
}

function createHarmlessTools(): HarmlessTools {
  const names = createNames()
  return {
    has: names.has,
    learn({ bytes }) {
      if (bytes.byteLength > LONGEST_LIST) return
      const list = find(bytes, ['result', 'tools'])
      if (!list) return
      eachElement(bytes, list, (tool) => {
        const name = stringIn(bytes, find(bytes, ['name'], tool), LONGEST_TOOL_NAME)
        if (name === undefined) return
        const hints = find(bytes, ['annotations'], tool)
        if (HINTS.some((hint) => isTrue(bytes, hints && find(bytes, [hint], hints)))) names.add(name)
        else names.delete(name)
      })
    },
  }
}

function isHarmless(bytes: Bytes, message: Span, tools: HarmlessTools): boolean {
  const at = find(bytes, ['method'], message)
  const method = stringIn(bytes, at)
  // A second answer, or a notification said twice, changes nothing.
  if (!at || method?.startsWith('notifications/')) return true
  if (method === undefined) return false
  const name = method === 'tools/call' ? stringIn(bytes, find(bytes, ['params', 'name'], message)) : undefined
  return HARMLESS.has(method) || (name !== undefined && tools.has(name))
}

const HINTS = ['readOnlyHint', 'idempotentHint']

const isTrue = (bytes: Bytes, span: Span | undefined) =>
  span !== undefined && span.end - span.start === 4 && textAt(bytes, span) === 'true'
