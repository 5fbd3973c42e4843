// explain at a terminal: the section of an error, in whatever form its code is copied, also where somebody has removed the docs.
import { cpSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { ERRORS } from '../../src/errors.ts'
import { makeHome } from '../servers/home.ts'

let home: ReturnType<typeof makeHome>
beforeEach(() => {
  home = makeHome()
})
afterEach(() => home.remove())

const source = (name: string) => fileURLToPath(new URL(`../../${name}`, import.meta.url))

test.each(['tls_failed', '(tls_failed,', 'TLS-failed', 'docs/errors.md#tls_failed', String(ERRORS.tls_failed.rpc)])(
  '%j prints the section of the page, without its markup',
  async (word) => {
    const { code, stdout } = await home.command(['explain', word])
    expect(code).toBe(0)
    expect(stdout).toMatch(/^tls_failed\n\nWhat happened: \S/)
    expect(stdout).toContain(`JSON-RPC ${ERRORS.tls_failed.rpc}`)
    expect(stdout).not.toMatch(/[*`]|\]\(/)
  },
)

test('without a code it lists all of them', async () => {
  const { code, stdout } = await home.command(['explain'])
  expect(code).toBe(0)
  expect(Object.keys(ERRORS).filter((name) => !stdout.includes(name))).toEqual([])
})

test.each(['tls_faild', '__proto__', '[x', ''])('%j is an error in words', async (word) => {
  const { code, stderr } = await home.command(['explain', word])
  expect(code).toBe(2)
  expect(stderr).toContain('is not an error code')
  if (word === 'tls_faild') expect(stderr).toContain('did you mean "tls_failed"?')
})

test('without the page it says what the error itself says', async () => {
  for (const name of ['bin', 'dist', 'package.json'])
    cpSync(source(name), join(home.path, 'copy', name), { recursive: true })
  const program = join(home.path, 'copy/bin/mcp-oauth-bridge.js')
  const { code, stdout } = await home.command(['explain', 'tls_failed'], {}, program)
  expect(code).toBe(0)
  expect(stdout.replaceAll('\n', ' ')).toContain(ERRORS.tls_failed.message)
  expect(readFileSync(source('docs/errors.md'), 'utf8')).toContain('## tls_failed')
})
