// A parent that starts a bridge, hands its own pipes on to it, says its process id on stderr, and is killed by the test.
import { spawn } from 'node:child_process'
import { PROGRAM } from './host.js'

const child = spawn(process.execPath, [PROGRAM, ...process.argv.slice(2)], { stdio: ['inherit', 'inherit', 'ignore'] })
process.stderr.write(`${child.pid}\n`)
setInterval(() => undefined, 60_000)
