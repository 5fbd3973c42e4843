// The words of the tool that signs in: what is true, and what a person can do.
import { expect, test } from 'vitest'
import { doneText, freeName, pendingText, reasonText, signInTool } from '../../../../src/bridge/standIn/signInTool.ts'
import { BridgeError } from '../../../../src/errors.ts'

const WORDS = { server: 'https://mcp.example.com/mcp', loginCommand: 'mcp-oauth-bridge login work' }
const ADA = { state: 'signedIn', name: 'ada@example.test' } as const

test('its name is one that no tool of the server has', () => {
  expect(freeName([])).toBe('sign_in')
  expect(freeName([{ name: 'sign_in' }, 7, null])).toBe('sign_in_to_server')
  expect(freeName([{ name: 'sign_in' }, { name: 'sign_in_to_server' }])).toBe('sign_in_to_server_2')
})

test('the reason and what to do about it are in its description, without the query of an address', () => {
  const reason = new BridgeError('server_error', { message: 'https://mcp.example.com/mcp?key=needle said no.' })
  const { name, description, inputSchema } = signInTool('sign_in', reason, WORDS)
  expect([name, inputSchema]).toEqual(['sign_in', { type: 'object', properties: {} }])
  expect(description).toContain('said no.')
  expect(description).toContain(reason.hint)
  expect(description).not.toContain('needle')
})

test('a person who is signed out is told the command that signs them in', () => {
  expect(reasonText(new BridgeError('not_signed_in'), WORDS)).toContain(WORDS.loginCommand)
})

test.each([
  [
    'You are signed in as ada@example.test. 13 tools are available; the host has been told to load them, so they can be called now.',
    ADA,
    { tools: 13, more: false },
    'claude-code',
  ],
  [
    'You are signed in as ada@example.test. 1 tool is available; Codex loads the list of tools only when it starts, so restart Codex to use them.',
    ADA,
    { tools: 1, more: false },
    'codex-mcp-client',
  ],
  ['You are signed in. More than 50 tools are available', { state: 'signedIn' }, { tools: 50, more: true }, undefined],
  ['You are signed in.', { state: 'signedIn' }, undefined, 'toString'],
  ['This server needs no sign-in. 2 tools are available', { state: 'unknown' }, { tools: 2, more: false }, undefined],
] as const)('its result says who is signed in and what can be used: %s', (text, account, tools, host) => {
  expect(doneText(account, tools, host)).toContain(text)
})

test('a name from outside is one line of limited length', () => {
  const text = doneText({ state: 'signedIn', name: `a\n\u001b[2J${'x'.repeat(5000)}` }, undefined, undefined)
  expect(text).not.toMatch(/\p{Cc}/u)
  expect(text.length).toBeLessThan(300)
})

test('while a person is waited for it says where, and to call again', () => {
  expect(pendingText('https://auth.example.com/authorize?state=s', WORDS)).toMatch(
    /https:\/\/auth\.example\.com\/authorize\?state=s\n.*again/,
  )
  expect(pendingText(undefined, WORDS)).toContain('again')
})
