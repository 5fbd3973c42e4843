// The demos, as the README names them: the main jobs from the first line to the last, and nothing else on the screen.
import { execFile, spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { until } from '../servers/until.ts'

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

/** What the README starts where no MCP server is at hand. */
function startWhoami(port: string) {
  const program = fileURLToPath(new URL('../../demo/whoami.js', import.meta.url))
  const child = spawn(process.execPath, [program, port], { stdio: ['ignore', 'pipe', 'pipe'] })
  onTestFinished(() => void child.kill())
  let text = ''
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk) => {
      text += chunk
    })
  const exited = new Promise<number | null>((resolve) => child.once('exit', resolve))
  const url = async () => {
    await until('its address', () => text.includes('/mcp\n'))
    return /http:\S+/.exec(text)?.[0] ?? ''
  }
  return { url, exited, text: () => text }
}

test('demo/whoami.js answers whatever it is sent and goes on; where its port is in use it names another one', async () => {
  const whoami = startWhoami('0')
  const url = await whoami.url()
  const post = (body: string) => fetch(url, { method: 'POST', body, headers: { 'x-user-email': 'ann@example.com' } })
  for (const body of ['', 'no JSON', 'null', '[]', '{"jsonrpc":"2.0","id":1}'])
    expect((await post(body)).status, body).toBe(400)
  for (const method of ['initialize', 'ping', 'tools/list', 'tools/call', 'constructor'])
    expect((await post(JSON.stringify({ jsonrpc: '2.0', id: 1, method }))).status, method).toBe(200)
  expect(whoami.text()).toContain('tools/call by ann@example.com')
  const second = startWhoami(new URL(url).port)
  expect(await second.exited).toBe(1)
  expect(second.text()).toMatch(/^whoami cannot listen: .*EADDRINUSE.*node demo\/whoami\.js \d+.*\n$/)
})

/** The gateway's demo as a terminal starts it: a group of processes, with a folder of its own for temporary files, and a person for a browser. */
function startDemo(person: string) {
  const temporary = mkdtempSync(join(tmpdir(), 'mcp-oauth-bridge-demo-'))
  onTestFinished(() => rmSync(temporary, { recursive: true, force: true }))
  const child = spawn('npm', ['run', '--silent', 'demo:gateway', '--', '--open'], {
    cwd: fileURLToPath(new URL('../..', import.meta.url)),
    env: {
      ...process.env,
      TMPDIR: temporary,
      BROWSER: fileURLToPath(new URL('../servers/person.js', import.meta.url)),
      PERSON: person,
    },
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let text = ''
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk) => {
      text += chunk
    })
  const pid = child.pid as number
  const exited = new Promise<number | null>((resolve) => child.once('exit', resolve))
  return {
    text: () => text,
    exited,
    /** As the terminal does it: to everything that the demo started. */
    pressCtrlC: () => process.kill(-pid, 'SIGINT'),
    isThere: () => readdirSync(temporary).length > 0,
    /** Resolves when no process of it is left. @throws Error with what is */
    async leavesNothing() {
      const others = () =>
        readdirSync('/proc')
          .filter((name) => /^\d+$/.test(name))
          .filter((name) => groupOf(name) === pid)
      await until(
        'its processes to be gone',
        () => others().length === 0,
        () => others().map((name) => readFileSync(`/proc/${name}/cmdline`, 'utf8')),
      )
      expect(readdirSync(temporary)).toEqual([])
    },
  }
}

/** 0: it has just ended. */
function groupOf(pid: string): number {
  try {
    return Number(readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ')[2])
  } catch {
    return 0
  }
}

const onLinux = test.skipIf(process.platform !== 'linux')

onLinux(
  'npm run demo:gateway -- --open signs in through your own browser, exits with 0 and leaves nothing behind',
  async () => {
    const demo = startDemo('consents')
    expect(await demo.exited, demo.text()).toBe(0)
    expect(demo.text()).toContain('your browser opens')
    expect(demo.text()).toContain('The server’s log: tools/call by alice@example.com')
    await demo.leavesNothing()
  },
)

onLinux.each([
  ['while it starts', (demo: ReturnType<typeof startDemo>) => demo.isThere()],
  ['while it waits for you', (demo: ReturnType<typeof startDemo>) => demo.text().includes('your browser opens')],
])('Ctrl-C %s ends npm run demo:gateway -- --open, and nothing is left behind', async (_, isThere) => {
  const demo = startDemo('absent')
  await until('the moment for Ctrl-C', () => isThere(demo), demo.text)
  demo.pressCtrlC()
  await demo.exited
  await demo.leavesNothing()
  expect(demo.text()).not.toMatch(/error/i)
})
