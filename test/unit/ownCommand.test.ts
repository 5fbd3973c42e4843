// A command in a hint works as typed: with the way this program was started, and with the server it is about.
import { afterEach, describe, expect, test } from 'vitest'
import { BridgeError, ERRORS } from '../../src/errors.ts'
import { nameOwnCommand, ownCommand, withOwnCommands } from '../../src/ownCommand.ts'

afterEach(() => nameOwnCommand({ program: () => 'mcp-oauth-bridge', target: undefined }))

const TARGET = 'https://mcp.example.com/mcp --profile work'

describe('a hint', () => {
  test.each([
    ['Run mcp-oauth-bridge login', 'Run npx x login TARGET'],
    ['Run mcp-oauth-bridge login.', 'Run npx x login TARGET'],
    ['Sign in: mcp-oauth-bridge login --force.', 'Sign in: npx x login TARGET --force'],
    ['mcp-oauth-bridge login --scope "…" --force.', 'npx x login TARGET --scope "…" --force'],
    [
      'Run mcp-oauth-bridge logout, then mcp-oauth-bridge login; wait.',
      'Run npx x logout TARGET, then npx x login TARGET; wait.',
    ],
    ['Run mcp-oauth-bridge doctor to see more.', 'Run npx x doctor TARGET to see more.'],
    ['Discard them: mcp-oauth-bridge logout --all', 'Discard them: npx x logout --all'],
    ['mcp-oauth-bridge login work', 'npx x login work'],
    ["mcp-oauth-bridge login 'a b'", "npx x login 'a b'"],
    ['mcp-oauth-bridge login "<the address>"', 'npx x login "<the address>"'],
    ['mcp-oauth-bridge status and mcp-oauth-bridge <command> --help', 'npx x status and npx x <command> --help'],
    ['the only method that mcp-oauth-bridge uses.', 'the only method that mcp-oauth-bridge uses.'],
    ['/opt/mcp-oauth-bridge login', '/opt/mcp-oauth-bridge login'],
  ])('%j', (text, wanted) => {
    nameOwnCommand({ program: () => 'npx x', target: TARGET })
    expect(withOwnCommands(text)).toBe(wanted.replaceAll('TARGET', TARGET))
  })

  test('that was written by another process is not changed again', () => {
    for (const program of [
      'npx mcp-oauth-bridge',
      '/usr/bin/node /x/bin/mcp-oauth-bridge.js',
      'npx @me/mcp-oauth-bridge',
    ]) {
      nameOwnCommand({ program: () => program, target: TARGET })
      const once = withOwnCommands('Run mcp-oauth-bridge login --force.')
      expect(withOwnCommands(once)).toBe(once)
    }
  })

  test('of every error names the server wherever its command is about one', () => {
    nameOwnCommand({ target: TARGET })
    for (const code of Object.keys(ERRORS) as (keyof typeof ERRORS)[])
      expect(new BridgeError(code).hint, code).not.toMatch(
        /mcp-oauth-bridge (login|logout|refresh|doctor)(?! https| --all)/,
      )
  })

  test('of every error has no command without its program', () => {
    for (const [code, { hint }] of Object.entries(ERRORS))
      expect(hint, code).not.toMatch(/(?<!mcp-oauth-bridge )\b(login|logout|status|doctor|refresh)( --|\.|,)/)
  })

  test('says nothing that its message says', () => {
    const sentences = (text: string) => text.split(/(?<=[.:;])\s/).map((part) => part.replace(/\W+$/, '').toLowerCase())
    for (const { message, hint } of Object.values(ERRORS))
      expect(sentences(hint).filter((part) => sentences(message).includes(part))).toEqual([])
  })
})

test('the way it was started is asked for once, when it is first needed', () => {
  let asked = 0
  nameOwnCommand({ program: () => `p${++asked}` })
  expect(asked).toBe(0)
  expect([ownCommand('a'), ownCommand('b', 'c')]).toEqual(['p1 a', 'p1 b c'])
})
