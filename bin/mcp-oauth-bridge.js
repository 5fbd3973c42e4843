#!/usr/bin/env node
// Turns on the compile cache, hands words and streams to the program, and sets the exit code.
import { readFileSync } from 'node:fs'
import { isMainThread } from 'node:worker_threads'

/** @type {<Path extends string>(path: Path) => Promise<any>} */
const load = (path) => import(new URL(`../dist/${path}`, import.meta.url).href)

/** @type {typeof import('../src/cli/compileCache.ts')} */
const { keepCompiled } = await load('compileCache.js')
// The commands that only look at a file leave nothing behind, not even this.
if (!process.argv.some((word) => /^(check|validate)-config$/.test(word))) keepCompiled()
// stdout belongs to the protocol, also where a dependency prints something. dirxml is Node's own alias of log.
// biome-ignore lint/suspicious/noConsole: this is what keeps console away from it
for (const name of /** @type {const} */ (['log', 'info', 'debug', 'dir', 'dirxml'])) console[name] = console.error

// A second lock behind our own connections, which check in any case. Node's warning that they do not would be wrong.
if (process.env.NODE_TLS_REJECT_UNAUTHORIZED === '0') process.env.NODE_TLS_REJECT_UNAUTHORIZED = 'ignored'

/** @type {typeof import('../src/cli/run.ts')} */
const { pendingKeychainCalls, run, workingFolder, writeWhole } = await load('run.js')

const ending = new AbortController()
/** @type {(signal: string) => boolean} */
let isTaken = () => false
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'])
  process.on(signal, () => {
    if (!isTaken(signal)) ending.abort(signal)
  })
// A closed stdout or stderr must not crash the process.
process.stdout.on('error', () => ending.abort())
process.stderr.on('error', () => undefined)
writeWhole(process.stdout)

const code = await run({
  argv: process.argv.slice(2),
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  environment: process.env,
  folder: workingFolder(),
  get version() {
    return JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')).version
  },
  ending: ending.signal,
  onSignal(listener) {
    isTaken = listener
  },
})
// A bridge whose keychain prompt nobody answers: an orderly exit would wait for it, half a minute.
const leave = () => {
  if (isMainThread && pendingKeychainCalls() > 0) process.kill(process.pid, 'SIGKILL')
  process.exit(code)
}
// Buffered output leaves first, unless nobody reads it.
process.stdout.write('', leave)
setTimeout(leave, 250)
