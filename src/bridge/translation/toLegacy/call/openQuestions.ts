// The questions of one call that have no answer yet: those that the host has heard, and those that it has not.
import type { RawId } from '../../../message/message.ts'
import type { Question } from './questions.ts'

export interface OpenQuestions {
  /** False: there are too many. */
  add(question: Question): boolean
  /** The server takes back the one of this id; false: there is none. */
  withdraw(id: RawId): boolean
  /** Those that the host has not heard. */
  untold(): readonly Question[]
  /** Takes out those that the host has heard and answered, with JSON texts; it has to be asked the rest again. */
  answered(responses: ReadonlyMap<string, string>): readonly (readonly [Question, string])[]
  /** Takes them out. */
  remove(questions: readonly Question[]): void
  /** Takes all out. */
  clear(): readonly Question[]
}

/** A server that asks more at once is not asking a person. */
const MOST_QUESTIONS = 100

export function createOpenQuestions(): OpenQuestions {
  const open = new Map<string, Question>()
  const all = () => [...open.values()]
  return {
    add(question) {
      if (open.size >= MOST_QUESTIONS) return false
      open.set(question.key, question)
      return true
    },
    withdraw(id) {
      const found = all().find((question) => question.id === id)
      return found !== undefined && open.delete(found.key)
    },
    untold: () => all().filter(({ isTold }) => !isTold),
    answered(responses) {
      return all().flatMap((question) => {
        if (!question.isTold) return []
        const json = responses.get(question.key)
        question.isTold = false
        if (json === undefined) return []
        open.delete(question.key)
        return [[question, json] as const]
      })
    },
    remove(questions) {
      for (const { key } of questions) open.delete(key)
    },
    clear() {
      const gone = all()
      open.clear()
      return gone
    },
  }
}
