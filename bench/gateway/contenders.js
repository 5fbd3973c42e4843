// Who is compared: the bare proxy, Debian's nginx and the gateway on each database, in front of one MCP server, and the load generator.
import { fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { closePostgres, freePort, signInAt, startGatewayStage, startServe } from '../kit.js'
import { installFastmcp, startFastmcp } from './fastmcp.js'

/**
 * @typedef {object} Contender
 * @property {string} name
 * @property {string} url of the MCP server, behind it
 * @property {string} bearer
 * @property {number} pid
 * @property {readonly ('json' | 'sse' | 'clock' | 'big')[]} [tools] what its server answers; preset: all
 * @property {{ tokenUrl: string, resource?: string, signIn: () => Promise<import('./load.js').Sitting> }} [grants] of an authorization server
 * @property {() => Promise<{ pid: number, kill: () => unknown }>} [start] another process of it, ready
 * @property {() => Promise<unknown>} [close]
 */

/** @typedef {(file: string, environment?: NodeJS.ProcessEnv) => Promise<{ url: string, pid: number, kill: () => unknown }>} StartNode */

const NGINX = '/usr/sbin/nginx'
/** As long as a token of the gateway: all requests have one size. */
const ANY_BEARER = 'x'.repeat(43)

const fileOf = (/** @type {string} */ name) => fileURLToPath(new URL(name, import.meta.url))

/** @param {{ postgres: boolean, fastmcp?: boolean }} options */
export async function startContenders({ postgres, fastmcp = false }) {
  const folder = mkdtempSync(join(tmpdir(), 'mcp-oauth-bridge-bench-gateway-'))
  /** @type {import('node:child_process').ChildProcess[]} */
  const children = []
  process.once('exit', () => {
    for (const child of children) child.kill('SIGKILL')
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
  })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => process.exit(1))

  /** A process that prints its port. @type {StartNode} */
  const startNode = async (file, environment = {}) => {
    const env = { PATH: process.env.PATH, ...environment }
    const child = spawn(process.execPath, [fileOf(file)], { env, stdio: ['pipe', 'pipe', 'inherit'] })
    children.push(child)
    const [port] = await once(child.stdout, 'data')
    const pid = /** @type {number} */ (child.pid)
    return { url: `http://127.0.0.1:${Number(port)}/mcp`, pid, kill: () => child.kill('SIGKILL') }
  }
  const startNginx = async (/** @type {string} */ target) => {
    const port = await freePort()
    const config = join(folder, 'nginx.conf')
    mkdirSync(join(folder, 'logs'), { recursive: true })
    writeFileSync(config, nginxConfig(port, target, folder))
    const child = spawn(NGINX, ['-p', folder, '-c', config], { stdio: ['ignore', 'ignore', 'inherit'] })
    children.push(child)
    while (!(await takesConnections(port))) await pause(10)
    return { url: `http://127.0.0.1:${port}/mcp`, pid: /** @type {number} */ (child.pid) }
  }
  const startGateway = async (/** @type {string} */ target, /** @type {'sqlite' | 'postgres'} */ engine) => {
    const stage = await startGatewayStage({
      engine,
      target,
      // Such as --require of a file that starts a profiler.
      environment: process.env.BENCH_NODE_OPTIONS ? { NODE_OPTIONS: process.env.BENCH_NODE_OPTIONS } : {},
    })
    // It has ended before the measurement begins.
    const { access_token: bearer, clientId: known } = await stage.signIn()
    const signIn = async () => {
      // One client: how many may register from one address is limited.
      const { clientId, refresh_token: refreshToken } = await signInAt(stage.origin, { clientId: known })
      return { clientId, refreshToken }
    }
    const start = async () => {
      const listen = `127.0.0.1:${await freePort()}`
      stage.configure({ serve: { access: 'everyone', listen, public_url: stage.origin } })
      const serve = startServe(['serve'], stage.environment, stage.home)
      await serve.ready()
      return { pid: serve.pid, kill: () => serve.kill('SIGKILL') }
    }
    const grants = { tokenUrl: `${stage.origin}/token`, resource: stage.url, signIn }
    return { url: stage.url, pid: stage.first.pid, bearer, grants, start, close: () => stage.close() }
  }

  const target = (await startNode('./mcpServer.js')).url
  /** @type {Contender[]} */
  const contenders = [{ name: 'bare', bearer: ANY_BEARER, ...(await startNode('./bareProxy.js', { TARGET: target })) }]
  if (existsSync(NGINX)) contenders.push({ name: 'nginx', bearer: ANY_BEARER, ...(await startNginx(target)) })
  else console.log('nginx is left out: it is not installed.')
  contenders.push({ name: 'gateway', ...(await startGateway(target, 'sqlite')) })
  if (fastmcp) {
    installFastmcp(join(folder, 'fastmcp'))
    contenders.push(await startFastmcp(startNode, join(folder, 'fastmcp')))
  }
  if (postgres) contenders.push({ name: 'gateway, PostgreSQL', ...(await startGateway(target, 'postgres')) })

  return {
    contenders,
    load: startLoad(children),
    async close() {
      for (const { close } of contenders) await close?.()
      await closePostgres()
    },
  }
}

/** Gives orders to the load generator, one at a time. */
function startLoad(/** @type {import('node:child_process').ChildProcess[]} */ children) {
  const child = fork(fileOf('./load.js'), { env: { PATH: process.env.PATH } })
  children.push(child)
  return async (/** @type {import('./load.js').Order} */ order) => {
    child.send(order)
    const [{ result, error }] = await once(child, 'message')
    if (error) throw new Error(error)
    return result
  }
}

/** One process, nothing kept, nothing held back. */
const nginxConfig = (/** @type {number} */ port, /** @type {string} */ target, /** @type {string} */ folder) => `
daemon off;
master_process off;
pid ${folder}/nginx.pid;
error_log ${folder}/logs/error.log crit;
worker_rlimit_nofile 20000;
events { worker_connections 8000; }
http {
  access_log off;
  client_body_temp_path ${folder}/body;
  proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;
  upstream mcp { server ${new URL(target).host}; keepalive 64; }
  server {
    listen 127.0.0.1:${port} backlog=4096;
    keepalive_requests 10000000;
    location / {
      proxy_pass http://mcp;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_buffering off;
      proxy_read_timeout 1h;
    }
  }
}
`

const takesConnections = (/** @type {number} */ port) =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
    socket.once('connect', () => socket.destroy())
  })

/** Memory that is in use, in MB; undefined without /proc. */
export function rssOf(/** @type {number} */ pid) {
  try {
    return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024
  } catch {
    return undefined
  }
}
