// A real server as a process of its own, and a person's home with bridges to it.
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { freePort } from '../servers/freePort.ts'
import { makePersonHome } from '../servers/personHome.ts'
import { until } from '../servers/until.ts'

export interface RealServer {
  readonly title: string
  /** Its file in servers/. */
  readonly program: string
  readonly env?: Readonly<Record<string, string>>
  /** Paths of its registration and token endpoints. */
  readonly register: string
  readonly token: string
  /** Of its revocation endpoint, if it has one that takes the tokens of our client. */
  readonly revoke?: string
  /** Its tokens live for a minute at least. */
  readonly longLived?: true
  /** That it has forgotten a client it says to a person who has logged in, and to nobody before. */
  readonly hidesForgotten?: true
}

interface Answered {
  readonly method: string
  readonly path: string
  readonly status: number
}

interface Options {
  readonly accessSeconds?: number
}

async function startServer(server: RealServer, { accessSeconds = 3600 }: Options) {
  const port = await freePort()
  const program = fileURLToPath(new URL(`servers/${server.program}.js`, import.meta.url))
  const answered: Answered[] = []
  const done: string[] = []
  let child: ChildProcessWithoutNullStreams
  let said = ''

  const start = async () => {
    done.length = 0
    const env = { PATH: process.env.PATH, PORT: String(port), ACCESS_SECONDS: String(accessSeconds), ...server.env }
    child = spawn(process.execPath, [program], { env })
    child.stdin.on('error', () => undefined)
    child.stderr.on('data', (chunk) => {
      said += chunk
    })
    createInterface({ input: child.stdout }).on('line', (line) => {
      if (!line.startsWith('{')) return
      const { done: what, ...answer } = JSON.parse(line)
      if (what === undefined) answered.push(answer)
      else done.push(what)
    })
    await until(
      `${server.title} to listen`,
      () => {
        if (child.exitCode !== null) throw new Error(said)
        return done.includes('start')
      },
      () => said,
    )
  }
  const end = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return
    const gone = new Promise((resolve) => child.once('exit', resolve))
    child.stdin.end()
    await gone
  }
  const tell = async (command: 'expire' | 'revoke') => {
    done.length = 0
    child.stdin.write(`${command}\n`)
    await until(`${server.title} to ${command}`, () => done.includes(command))
  }
  await start()
  return {
    url: `http://127.0.0.1:${port}/mcp`,
    /** What it answered, in order. */
    answered,
    count: (path: string) => answered.filter((one) => one.path === path).length,
    /** It takes every access token back. */
    expire: () => tell('expire'),
    /** It takes every token back, refresh tokens too. */
    revoke: () => tell('revoke'),
    /** Another process at the same place, which knows nothing of what was in memory. */
    async restart() {
      await end()
      await start()
    },
    end,
  }
}

/** The server, and a home where a person is who says yes to everything. */
export async function startRealStage(kind: RealServer, options: Options = {}) {
  const server = await startServer(kind, options)
  const home = await makePersonHome({ PERSON: 'clicks' })
  const { callback, environment, tabs } = home
  return {
    kind,
    server,
    environment,
    host: () => home.host([server.url, ...callback]),
    /** Runs a command about the server to its end. */
    command: (name: string, ...words: string[]) => home.command([name, server.url, ...callback, ...words]),
    tabs,
    registrations: () => server.count(kind.register),
    tokenRequests: () => server.count(kind.token),
    async close() {
      home.end()
      await server.end()
      home.remove()
    },
  }
}
