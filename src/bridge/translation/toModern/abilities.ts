// A question of the server in words for a person, and why a 2025 host cannot answer it.
import { quote } from '../../../redaction/text.ts'
import { find, stringIn } from '../../message/pick.ts'
import { type HostCan, lackOf, modeOf } from '../hostCan.ts'
import type { Question } from './fromModern.ts'

/** What the host cannot do, as the end of a sentence about it; undefined: it can answer. */
export function lacks({ method, params }: Question, can: HostCan): string | undefined {
  const lack = lackOf(method, params, can)
  if (lack === undefined) return undefined
  switch (method) {
    case 'elicitation/create':
      return 'which your program cannot show'
    case 'sampling/createMessage':
      return `${lack === 'tools' ? 'with tools, ' : ''}which your program cannot give`
    case 'roots/list':
      return 'which your program does not tell'
    default:
      return 'which your program does not know'
  }
}

/** What the server asks for. */
export function wordsOf({ method, params }: Question): string {
  switch (method) {
    case 'elicitation/create': {
      const mode = modeOf(params)
      const message = params && stringIn(params, find(params, ['message']))
      const about = message === undefined ? '' : ` (${quote(message, 160)})`
      if (mode === 'url') return `a web page to be visited${about}`
      return `${mode === 'form' ? 'a form to be filled in' : `input of the mode ${quote(mode, 40)}`}${about}`
    }
    case 'sampling/createMessage':
      return 'an answer of your program’s model'
    case 'roots/list':
      return 'the folders that your program works in'
    default:
      return quote(method ?? 'nothing', 60)
  }
}
