// Ids of questions, over sessions that end: which are remembered, and what happens when there are too many.
import { expect, test } from 'vitest'
import { type Message, parseMessage } from '../../../../src/bridge/message/message.ts'
import { createHostQuestions, type HostQuestions } from '../../../../src/bridge/session/hostQuestions.ts'

const message = (value: object) => parseMessage(Buffer.from(JSON.stringify({ jsonrpc: '2.0', ...value }))) as Message
const ask = (questions: HostQuestions, id: unknown) => questions.put(message({ id, method: 'ping' })).asks[0]
const answer = (questions: HostQuestions, id: unknown) => questions.answer(message({ id, result: {} }))?.answers[0]
const range = (from: number, to: number) => Array.from({ length: to - from }, (_, at) => from + at)
const OURS = /^"mcp-oauth-bridge-r\d+"$/

test('of a thousand questions each is taken back', () => {
  const questions = createHostQuestions()
  for (const id of range(0, 1_000)) ask(questions, id)
  expect(questions.giveUp()).toEqual(range(0, 1_000).map(String))
  expect(questions.giveUp()).toEqual([])
  expect(ask(questions, 1_000)).toBe('1000')
  expect(ask(questions, 999)).toMatch(OURS)
})

test('a host that leaves more unanswered answers none of them after the session, and every question has an id of ours', () => {
  const questions = createHostQuestions()
  for (const id of range(0, 1_001)) expect(ask(questions, id)).toBe(String(id))
  // Not remembered, and still open.
  expect(answer(questions, 0)).toBe('0')
  expect(questions.giveUp()).toHaveLength(1_000)
  for (const id of [0, 1, 5_000]) {
    expect(answer(questions, id)).toBeUndefined()
    const given = ask(questions, id)
    expect(given).toMatch(OURS)
    expect(answer(questions, id)).toBeUndefined()
    expect(answer(questions, JSON.parse(given ?? ''))).toBe(String(id))
  }
})

test('the same goes for void ids that become too many', () => {
  const questions = createHostQuestions()
  for (const from of [0, 500, 1_000]) {
    for (const id of range(from, from + 500)) expect(ask(questions, id)).toBe(String(id))
    questions.giveUp()
  }
  expect(ask(questions, 9_999)).toMatch(OURS)
  expect(answer(questions, 3)).toBeUndefined()
})

test('and for an id that is too long to be remembered', () => {
  const questions = createHostQuestions()
  const long = 'x'.repeat(2_000)
  expect(ask(questions, long)).toBe(JSON.stringify(long))
  expect(answer(questions, long)).toBe(JSON.stringify(long))
  expect(questions.giveUp()).toEqual([])
  expect(answer(questions, long)).toBeUndefined()
  expect(ask(questions, 1)).toMatch(OURS)
})

test('an id of ours is given to no question that has the id of another bridge', () => {
  const questions = createHostQuestions()
  ask(questions, 0)
  questions.giveUp()
  const count = Number(/\d+/.exec(ask(questions, 0) ?? '')?.[0])
  const behind = `mcp-oauth-bridge-r${count + 1}`
  expect(ask(questions, behind)).toBe(JSON.stringify(behind))
  expect(ask(questions, 0)).toBe(`"mcp-oauth-bridge-r${count + 2}"`)
  expect(answer(questions, behind)).toBe(JSON.stringify(behind))
})

test('the id of another bridge that stands for a question of ours is replaced', () => {
  const questions = createHostQuestions()
  ask(questions, 0)
  questions.giveUp()
  const ours = ask(questions, 0) ?? ''
  expect(ask(questions, JSON.parse(ours))).not.toBe(ours)
  expect(answer(questions, JSON.parse(ours))).toBe('0')
})

test('a question that is asked twice under one id stays as it is', () => {
  const questions = createHostQuestions()
  expect([ask(questions, 0), ask(questions, 0)]).toEqual(['0', '0'])
  expect(questions.giveUp()).toEqual(['0'])
})
