// What stands in for a server that cannot be asked yet: never more than will be true.
import { expect, test } from 'vitest'
import { initializeResult, isList, knownList, listChanged, listResult } from '../../../../src/bridge/standIn/answers.ts'

const SERVER = 'https://mcp.example.com/mcp'
const introduction = { known: undefined, wanted: '2025-06-18', server: SERVER, version: '1.2.3' }
const known = {
  protocolVersion: '2025-11-25',
  capabilities: { tools: {}, completions: {}, prompts: { listChanged: false } },
  serverInfo: { name: 'everything', version: '2' },
  instructions: 'be kind',
}

test('with nothing known the answer is a server whose lists change', () => {
  const result = initializeResult(introduction)
  expect(result.protocolVersion).toBe('2025-06-18')
  expect(result.capabilities).toEqual({
    logging: {},
    tools: { listChanged: true },
    prompts: { listChanged: true },
    resources: { listChanged: true },
  })
  expect(result.serverInfo).toEqual({ name: 'mcp-oauth-bridge', version: '1.2.3' })
  expect(result.instructions).toContain(SERVER)
})

test('what is known is told as it was, with lists that change', () => {
  const result = initializeResult({ ...introduction, known })
  expect(result).toEqual({
    ...known,
    protocolVersion: '2025-06-18',
    capabilities: {
      logging: {},
      tools: { listChanged: true },
      completions: {},
      prompts: { listChanged: true },
    },
  })
})

test.each([['2024-11-05'], ['2025-03-26'], ['2025-06-18'], ['2025-11-25']])('revision %s is agreed to', (wanted) => {
  expect(initializeResult({ ...introduction, wanted }).protocolVersion).toBe(wanted)
})

test.each([['2099-01-01'], [undefined], [7]])('for the unknown revision %j ours is named', (wanted) => {
  expect(initializeResult({ ...introduction, wanted }).protocolVersion).toBe('2025-11-25')
})

test.each([
  ['asked for the same, it says the same', '2025-11-25', '2025-03-26', '2025-11-25', '2025-03-26'],
  ['its newest is older than what is wanted now', '2025-11-25', '2025-03-26', '2025-06-18', '2025-03-26'],
  ['what is wanted now is older than its newest', '2025-11-25', '2025-06-18', '2025-03-26', '2025-03-26'],
  ['it agreed to what it was asked for', '2025-03-26', '2025-03-26', '2025-11-25', '2025-11-25'],
  ['it named a newer one than it was asked for', '2024-11-05', '2025-06-18', '2025-03-26', '2025-03-26'],
  ['nobody knows what it was asked for', undefined, '2025-03-26', '2025-11-25', '2025-11-25'],
  ['it named one that we do not know', '2025-11-25', '1999-01-01', '2025-06-18', '2025-06-18'],
])('the revision is the one the server would name: %s', (_, asked, answered, wanted, told) => {
  const memory = { known: { ...known, protocolVersion: answered }, asked }
  expect(initializeResult({ ...introduction, ...memory, wanted }).protocolVersion).toBe(told)
})

test.each([[null], [7], [{}], [{ protocolVersion: 1 }], [{ ...known, capabilities: [] }]])(
  'a memory of %j is no memory',
  (broken) => {
    expect(initializeResult({ ...introduction, known: broken }).serverInfo.name).toBe('mcp-oauth-bridge')
  },
)

test('a known list is given on one page', () => {
  const tools = [{ name: 'echo' }]
  expect(listResult('tools/list', knownList('tools/list', { tools, nextCursor: 'x' }) ?? [])).toEqual({ tools })
})

test.each([
  ['tools/list', { tools: [] }],
  ['prompts/list', { prompts: [] }],
  ['resources/list', { resources: [] }],
  ['resources/templates/list', { resourceTemplates: [] }],
] as const)('an empty %s has the member of its method', (method, result) => {
  expect(knownList(method, undefined)).toBeUndefined()
  expect(knownList(method, { tools: 7, prompts: {}, resources: 'x' })).toBeUndefined()
  expect(listResult(method, [])).toEqual(result)
})

test('lists are lists, calls are not', () => {
  expect(['tools/list', 'resources/templates/list'].every(isList)).toBe(true)
  expect(['tools/call', 'toString', undefined].some(isList)).toBe(false)
})

test('a changed list is announced as the specification names it', () => {
  expect(JSON.parse(Buffer.from(listChanged('tools')).toString())).toEqual({
    jsonrpc: '2.0',
    method: 'notifications/tools/list_changed',
  })
})
