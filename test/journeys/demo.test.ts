// The demo, as the README names it: the main job from the first line to the last, and nothing else on the screen.
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

test('npm run demo shows the main use case in at most thirty lines, and exits with 0', async () => {
  const cwd = fileURLToPath(new URL('../..', import.meta.url))
  const { code, text } = await new Promise<{ code: unknown; text: string }>((resolve) => {
    const shell = process.platform === 'win32'
    execFile('npm', ['run', '--silent', 'demo'], { cwd, shell }, (error, stdout, stderr) =>
      resolve({ code: error?.code ?? 0, text: stdout + stderr }),
    )
  })
  expect(code, text).toBe(0)
  const lines = text.split('\n').filter((line) => line !== '')
  expect(lines[0]).toBe('mcp-oauth-bridge: from a stdio host to an OAuth-protected MCP server')
  expect(lines.at(-1)).toContain('The host closes stdin')
  expect(lines.length).toBeLessThanOrEqual(30)
})
