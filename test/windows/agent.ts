// Runs in Windows and starts there what the tests ask for, over one TCP connection: under Wine the stdio of a first process must be files.
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { connect } from 'node:net'
import { createInterface } from 'node:readline'

export interface Request {
  readonly op: 'spawn' | 'write' | 'end' | 'kill'
  readonly id: number
  readonly command: string
  readonly args: readonly string[]
  readonly env: NodeJS.ProcessEnv
  readonly cwd: string
  /** Base64. */
  readonly data: string
}

const children = new Map<number, ChildProcessWithoutNullStreams>()
const socket = connect(Number(process.argv[2]), '127.0.0.1')
const tell = (message: object) => socket.write(`${JSON.stringify(message)}\n`)
socket.on('close', () => process.exit(0))
socket.on('error', () => process.exit(1))

function start({ id, command, args, env, cwd }: Request) {
  const child = spawn(command, args, { env: { ...process.env, ...env }, cwd, stdio: 'pipe', windowsHide: true })
  children.set(id, child)
  child.stdout.on('data', (data: Buffer) => tell({ id, event: 'stdout', data: data.toString('base64') }))
  child.stderr.on('data', (data: Buffer) => tell({ id, event: 'stderr', data: data.toString('base64') }))
  child.stdin.on('error', () => undefined)
  child.on('error', ({ message }) => tell({ id, event: 'error', message }))
  child.on('spawn', () => tell({ id, event: 'spawn', pid: child.pid }))
  child.on('close', (code) => tell({ id, event: 'close', code }))
}

createInterface({ input: socket }).on('line', (line) => {
  const request: Request = JSON.parse(line)
  const child = children.get(request.id)
  if (request.op === 'spawn') start(request)
  else if (request.op === 'write') child?.stdin.write(Buffer.from(request.data, 'base64'))
  else if (request.op === 'end') child?.stdin.end()
  else child?.kill()
})
tell({ event: 'ready' })
