// Tools that the host must not see: cut out of tools/list answers, and calls to them refused. Loaded only when some are named.
import { BridgeError, quote } from '../errors.ts'
import { jsonOf, look, type Message } from './message.ts'

export interface HiddenTools {
  /** @throws BridgeError tool_hidden for a call, or a batch with one */
  refuse(message: Message): void
  /** The answer without the hidden tools; the very same message where there are none. `asked`: what it answers. */
  strip(answer: Message, asked: Message): Message
}

/** `patterns`: names of tools; `*` stands for any characters, also none. */
export function createHiddenTools(patterns: readonly string[]): HiddenTools {
  const tests = patterns.map(toPattern)
  const isHidden = (name: unknown) => typeof name === 'string' && tests.some((test) => test.test(name))

  return {
    refuse(message) {
      if (message.method !== 'tools/call' && message.kind !== 'batch') return
      for (const one of [jsonOf(message)].flat() as { method?: string; params?: { name?: unknown } }[]) {
        const name = one.method === 'tools/call' ? one.params?.name : undefined
        if (isHidden(name))
          throw new BridgeError('tool_hidden', { message: `The tool ${quote(String(name), 80)} is hidden here.` })
      }
    },
    strip(answer, asked) {
      if (answer.answers.length === 0 || !asksForTools(asked)) return answer
      const hidden = toolsIn(jsonOf(answer)).flatMap((tools) => tools.filter((tool) => isHidden(tool?.name)))
      return hidden.length === 0 ? answer : without(answer, isHidden)
    },
  }
}

function asksForTools(asked: Message): boolean {
  if (asked.kind !== 'batch') return asked.method === 'tools/list'
  return [jsonOf(asked)].flat().some((one) => (one as { method?: string }).method === 'tools/list')
}

interface Tool {
  readonly name?: unknown
}

/** The tool lists of a message or batch. */
function toolsIn(json: unknown): (Tool | null)[][] {
  const lists = [json].flat().map((one) => (one as { result?: { tools?: unknown } } | null)?.result?.tools)
  return lists.filter((list): list is (Tool | null)[] => Array.isArray(list))
}

/** Only the hidden tools go: the rest keeps its bytes, so that no number or unknown field changes. */
function without(answer: Message, isHidden: (name: unknown) => boolean): Message {
  const text = Buffer.from(answer.bytes).toString('utf8')
  const cut = cutElements(text, (element, path) => {
    return /^(\[\])?\.result\.tools$/.test(path) && isHidden((JSON.parse(element) as Tool | null)?.name)
  })
  return look(Buffer.from(cut)) ?? answer
}

/** JSON text without those elements of arrays that `goes` picks; `path` is that of the array: `.result.tools`, `[].result.tools`. */
function cutElements(text: string, goes: (element: string, path: string) => boolean): string {
  let out = ''
  let copied = 0
  let at = 0
  const skip = () => {
    while (at < text.length && text.charCodeAt(at) <= 32) at++
  }
  const string = () => {
    const start = at++
    while (text[at] !== '"') at += text[at] === '\\' ? 2 : 1
    at++
    return text.slice(start, at)
  }
  const array = (path: string) => {
    let kept = 0
    /** Where the comma before the next element stands, or the place after the bracket. */
    let before = ++at
    for (skip(); text[at] !== ']'; skip()) {
      const start = at
      value(`${path}[]`)
      const element = [start, at] as const
      skip()
      const after = at
      const last = text[at] === ']'
      if (!last) at++
      if (!goes(text.slice(...element), path)) kept++
      else {
        // With an element in front, the comma before it goes too; else the one after it.
        out += text.slice(copied, kept > 0 ? before : element[0])
        copied = kept > 0 || last ? element[1] : after + 1
      }
      before = after
    }
    at++
  }
  const object = (path: string) => {
    at++
    for (skip(); text[at] !== '}'; skip()) {
      const name = JSON.parse(string()) as string
      skip()
      at++
      value(`${path}.${name}`)
      skip()
      if (text[at] === ',') at++
    }
    at++
  }
  const value = (path: string) => {
    skip()
    if (text[at] === '{') object(path)
    else if (text[at] === '[') array(path)
    else if (text[at] === '"') string()
    else while (at < text.length && !/[\s,\]}]/.test(text[at] as string)) at++
  }
  value('')
  return out + text.slice(copied)
}

const toPattern = (pattern: string) =>
  new RegExp(
    `^${pattern
      .split('*')
      .map((part) => part.replace(/[\\^$.+?()[\]{}|]/g, '\\$&'))
      .join('[^]*')}$`,
  )
