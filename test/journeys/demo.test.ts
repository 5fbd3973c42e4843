// The demos, as the README names them: the main jobs from the first line to the last, and nothing else on the screen.
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

async function run(script: string): Promise<{ code: unknown; text: string }> {
  const cwd = fileURLToPath(new URL('../..', import.meta.url))
  return new Promise((resolve) => {
    const shell = process.platform === 'win32'
    execFile('npm', ['run', '--silent', script], { cwd, shell }, (error, stdout, stderr) =>
      resolve({ code: error?.code ?? 0, text: stdout + stderr }),
    )
  })
}

test('npm run demo shows the main use case in at most thirty lines, and exits with 0', async () => {
  const { code, text } = await run('demo')
  expect(code, text).toBe(0)
  const lines = text.split('\n').filter((line) => line !== '')
  expect(lines[0]).toBe('mcp-oauth-bridge: from a stdio host to an OAuth-protected MCP server')
  expect(lines.at(-1)).toContain('The host closes stdin')
  expect(lines.length).toBeLessThanOrEqual(30)
})

test('npm run demo:gateway signs a real client in at serve, and the MCP server’s log names the person, in at most thirty lines', async () => {
  const { code, text } = await run('demo:gateway')
  expect(code, text).toBe(0)
  const lines = text.split('\n').filter((line) => line !== '')
  expect(lines[0]).toBe('mcp-oauth-bridge serve: an MCP server behind an OAuth sign-in of its own')
  expect(text).toContain('The server’s log: tools/call by alice@example.com')
  expect(lines.at(-1)).toContain('exits 0')
  expect(lines.length).toBeLessThanOrEqual(30)
})
