// Words to paste into a shell.
import { execFileSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { shellQuote } from '../../src/shellQuote.ts'

test.each(['work', 'https://mcp.example.com/mcp', 'a@b.c', '--x=y'])('%s needs no quotes', (word) => {
  expect(shellQuote(word, 'linux')).toBe(word)
  expect(shellQuote(word, 'win32')).toBe(word)
})

test.each(['a b', `it's "here"`, 'https://x/?a=1&b=$HOME', '`id`', '$(id)', '', 'a\\b', '!x'])(
  'a shell returns %j unchanged',
  (word) => {
    expect(execFileSync('sh', ['-c', `printf %s ${shellQuote(word, 'linux')}`], { encoding: 'utf8' })).toBe(word)
  },
)

test('on Windows, arguments with special characters are put in double quotes', () => {
  expect(shellQuote('https://x/?a=1&b=2', 'win32')).toBe('"https://x/?a=1&b=2"')
})

test.each(['=ls', '~root', '#x', 'a\nb'])('%j is one shell word, and nothing else', (word) => {
  expect(shellQuote(word, 'linux')).toMatch(/^'/)
  expect(execFileSync('sh', ['-c', `printf %s ${shellQuote(word, 'linux')}`], { encoding: 'utf8' })).toBe(word)
})

test.each([
  'a$(calc)',
  'a`calc`',
  '%COMSPEC%',
  'https://x/?a=$(calc)`calc`',
  'https://x/%PATH%',
  'a"&calc&"',
  'a\u201d; calc; \u201c',
])('on Windows neither cmd nor PowerShell interprets anything in %j', (word) => {
  expect(shellQuote(word, 'win32')).toMatch(/^"[^"$`\u201c-\u201e]*"$/)
  expect(shellQuote(word, 'win32')).not.toMatch(/%(?![\dA-F]{2})\w+%/i)
})
