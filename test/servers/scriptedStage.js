// A scripted server, a home of its own and hosts: for journeys in which nobody signs in.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startHost } from './host.js'
import { startScriptedServer } from './scriptedServer.js'

/** @param {Parameters<typeof startScriptedServer>[0]} [scripts] */
export async function startScriptedStage(scripts) {
  const home = mkdtempSync(join(tmpdir(), 'mcp-oauth-bridge-test-'))
  const server = await startScriptedServer(scripts)
  const environment = { PATH: process.env.PATH, HOME: home, MCP_OAUTH_BRIDGE_HOME: join(home, 'bridge') }
  /** @type {ReturnType<typeof startHost>[]} */
  const hosts = []
  return {
    home,
    server,
    environment,
    /** Starts a bridge to the scripted server. */
    host(/** @type {string[]} */ args = []) {
      return this.hostOf(server.url, args)
    },
    /** Starts a bridge to any server. */
    hostOf(/** @type {string} */ url, /** @type {string[]} */ args = []) {
      const host = startHost([url, ...args], environment)
      hosts.push(host)
      return host
    },
    /** Writes a config file and gives the words that name it. */
    config(/** @type {string} */ text) {
      const path = join(home, 'config.yaml')
      writeFileSync(path, text)
      return ['--config', path]
    },
    async close() {
      for (const { child } of hosts) if (child.exitCode === null) child.kill('SIGKILL')
      await server.close()
      rmSync(home, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 })
    },
  }
}
