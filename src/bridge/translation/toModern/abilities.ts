// Whether a 2025 host can answer a question, by what it has declared in its initialize; and the question in words.
import { quote } from '../../../redaction/text.ts'
import { type Bytes, find, stringIn, whole } from '../../message/pick.ts'
import type { Question } from './fromModern.ts'
import type { Supports } from './hostMeta.ts'

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const memberOf = (params: Bytes | undefined, name: string): string | undefined =>
  params && stringIn(params, find(params, [name], whole(params)))
const has = (params: Bytes | undefined, name: string) =>
  params !== undefined && find(params, [name], whole(params)) !== undefined

/** What the host cannot do, as the end of a sentence about it; undefined: it can answer. */
export function lacks({ method, params }: Question, { elicitation, sampling, roots }: Supports): string | undefined {
  switch (method) {
    case 'elicitation/create': {
      const mode = memberOf(params, 'mode') ?? 'form'
      return isObject(elicitation) && showsMode(elicitation, mode) ? undefined : 'which your program cannot show'
    }
    case 'sampling/createMessage':
      if (!isObject(sampling)) return 'which your program cannot give'
      if ((has(params, 'tools') || has(params, 'toolChoice')) && !isObject(sampling.tools))
        return 'with tools, which your program cannot give'
      return undefined
    case 'roots/list':
      return isObject(roots) ? undefined : 'which your program does not tell'
    default:
      return 'which your program does not know'
  }
}

/** Without any mode it is forms (MCP 2025-11-25, "Elicitation: Capabilities"). */
const showsMode = (elicitation: Readonly<Record<string, unknown>>, mode: string) =>
  isObject(elicitation[mode]) || (mode === 'form' && elicitation.url === undefined)

/** What the server asks for. */
export function wordsOf({ method, params }: Question): string {
  switch (method) {
    case 'elicitation/create': {
      const mode = memberOf(params, 'mode') ?? 'form'
      const message = memberOf(params, 'message')
      const about = message === undefined ? '' : ` (${quote(message, 160)})`
      if (mode === 'url') return `a web page to be visited${about}`
      return `${mode === 'form' ? 'a form to be filled in' : `input of the mode ${quote(mode, 40)}`}${about}`
    }
    case 'sampling/createMessage':
      return 'an answer of your program’s model'
    case 'roots/list':
      return 'the folders that your program works in'
    default:
      return `${quote(method ?? 'nothing', 60)}`
  }
}
