// What every measurement needs: a temporary home, an MCP server of each era as a process, one sign-in at each, and a cleanup.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { freePort, PROGRAM, startAuthorizationServer } from './kit.js'
import { OPENINGS } from './messages.js'

/** @typedef {import('./messages.js').Era} Era */

/** @typedef {Awaited<ReturnType<typeof startStage>>} Stage */

const fileOf = (/** @type {string} */ name) => fileURLToPath(new URL(name, import.meta.url))

/** As long as a real access token, so that all contenders send requests of one size. */
const BEARER = 'x'.repeat(700)
export async function startStage() {
  const home = mkdtempSync(join(tmpdir(), 'mcp-oauth-bridge-bench-'))
  /** @type {Set<import('node:child_process').ChildProcess>} */
  const children = new Set()
  const cleanUp = () => {
    for (const child of children) child.kill('SIGKILL')
    rmSync(home, { recursive: true, force: true, maxRetries: 5 })
  }
  process.once('exit', cleanUp)
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => process.exit(1))

  // No D-Bus address: on Linux the sealing key is in a file. TMPDIR: Node's compile cache is deleted with it.
  const world = { PATH: process.env.PATH, HOME: home, MCP_OAUTH_BRIDGE_HOME: join(home, 'bridge'), TMPDIR: home }
  const start = (
    /** @type {string[]} */ args,
    /** @type {NodeJS.ProcessEnv} */ extra = {},
    /** @type {'inherit' | 'ignore'} */ stderr = 'inherit',
  ) => {
    const env = { ...world, ...extra }
    const child = spawn(process.execPath, args, { env, cwd: home, stdio: ['pipe', 'pipe', stderr] })
    children.add(child)
    child.once('exit', () => children.delete(child))
    child.stdin.on('error', () => undefined)
    return child
  }

  const authorization = await startAuthorizationServer()
  // It has ended before the measurement begins; an idle run lasts an hour.
  authorization.state.accessTokenSeconds = 24 * 3600
  /** @param {Era} era @param {string} [issuer] without one, the server wants no token */
  const startServer = async (era, issuer) => {
    const server = start([fileOf('./server.js')], { ERA: era, ...(issuer === undefined ? {} : { ISSUER: issuer }) })
    const [port] = await once(server.stdout, 'data')
    return `http://127.0.0.1:${Number(port)}/mcp`
  }
  const urls = {
    2025: await startServer('2025', authorization.issuer),
    2026: await startServer('2026', authorization.issuer),
  }

  // Only the sign-in reads a config file: the measured bridge has none, and finds the key where the sign-in stored it.
  const config = join(home, 'sign-in.yaml')
  writeFileSync(config, 'secret_store: file\n')
  const person = { BROWSER: fileOf('../test/servers/person.js') }
  for (const url of Object.values(urls)) {
    const callback = `http://localhost:${await freePort()}/auth/callback`
    const signIn = start([PROGRAM, 'login', url, '--config', config, '--callback-url', callback], person, 'ignore')
    const [code] = await once(signIn, 'exit')
    if (code !== 0) throw new Error(`the sign-in ended with ${code}; the log is gone, run the journeys for the cause`)
  }
  await authorization.close()

  const known = (/** @type {Era} */ era) => ({
    SERVER_URL: urls[era],
    BEARER,
    ERA: era,
    OPENING: OPENINGS[era].request,
  })
  return {
    urls,
    bearer: BEARER,
    /** Of every contender's process. */
    world,
    /** Another server, for which nobody has signed in. */
    startServer,
    /** Starts a contender's process; `era` is the server's. */
    spawn: {
      direct: (/** @type {Era} */ era) => start([...profile('direct'), fileOf('./direct.js')], known(era)),
      bare: (/** @type {Era} */ era) => start([...profile('bare'), fileOf('./bareRelay.js')], known(era)),
      bridge: (/** @type {Era} */ era) => start([...profile('bridge'), PROGRAM, urls[era]]),
      /** A bridge with a home and a server of its own. @param {string} url @param {string} own */
      newBridge: (url, own) =>
        start([PROGRAM, url], { HOME: own, MCP_OAUTH_BRIDGE_HOME: join(own, 'bridge') }, 'ignore'),
    },
  }
}

/** BENCH_PROFILE=FOLDER: each contender's process writes a CPU profile there when it ends. */
function profile(/** @type {string} */ name) {
  const folder = process.env.BENCH_PROFILE
  return folder ? ['--cpu-prof', '--cpu-prof-interval=200', `--cpu-prof-dir=${join(folder, name)}`] : []
}
