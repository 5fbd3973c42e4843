// @modelcontextprotocol/server-everything over Streamable HTTP or HTTP+SSE, as a process of its own.
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { freePort } from './freePort.ts'

/** Ends the server with whoever started it, however that ends: its stdin closes then. */
const END_WITH_PARENT = `data:text/javascript,process.stdin.resume().once('end', () => process.exit())`

interface Options {
  readonly port?: number
  readonly transport?: 'streamableHttp' | 'sse'
}

export async function startEverything(options: Options = {}) {
  const transport = options.transport ?? 'streamableHttp'
  const port = options.port ?? (await freePort())
  const program = fileURLToPath(import.meta.resolve('@modelcontextprotocol/server-everything/dist/index.js'))
  const child = spawn(process.execPath, ['--import', END_WITH_PARENT, program, transport], {
    env: { ...process.env, PORT: String(port) },
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  await new Promise((resolve, reject) => {
    let said = ''
    const listen = (chunk: Buffer) => {
      said += chunk
      if (/(listening|running) on port/i.test(said)) resolve(undefined)
    }
    child.stdout.on('data', listen)
    child.stderr.on('data', listen)
    child.once('exit', (code) => reject(new Error(`server-everything ended with ${code}: ${said}`)))
  })
  return {
    url: `http://127.0.0.1:${port}/${transport === 'sse' ? 'sse' : 'mcp'}`,
    port,
    async close() {
      if (child.exitCode !== null || child.signalCode !== null) return
      const gone = new Promise((resolve) => child.once('exit', resolve))
      child.kill('SIGKILL')
      await gone
    },
  }
}
