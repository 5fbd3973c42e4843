// A parent that starts a bridge, hands its own pipes on to it, says its process id on stderr, and is killed by the test.
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const program = fileURLToPath(new URL('../../bin/mcp-oauth-bridge.js', import.meta.url))
const child = spawn(process.execPath, [program, ...process.argv.slice(2)], { stdio: ['inherit', 'inherit', 'ignore'] })
process.stderr.write(`${child.pid}\n`)
setInterval(() => undefined, 60_000)
