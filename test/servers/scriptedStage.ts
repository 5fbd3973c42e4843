// A scripted server, a home of its own and hosts: one stage where nobody signs in, one with an issuer and a person.
import { makeHome } from './home.ts'
import { type Script, startMcpServer } from './mcpServer.ts'
import { hostsIn, makePersonHome } from './personHome.ts'
import {
  type AuthorizationScript,
  protectedRoutes,
  startScriptedIssuer,
  startScriptedOrigin,
} from './scriptedOrigin.ts'

export async function startScriptedStage(scripts?: Script) {
  const home = makeHome()
  const server = await startMcpServer(scripts)
  const hosts = hostsIn(home.environment)
  return {
    home: home.path,
    server,
    environment: home.environment,
    /** Starts a bridge to the scripted server. */
    host: (args: string[] = []) => hosts.start([server.url, ...args]),
    /** Starts a bridge to any server. */
    hostOf: (url: string, args: string[] = []) => hosts.start([url, ...args]),
    /** Writes a config file and gives the words that name it. */
    config: (text: string) => ['--config', home.write('config.yaml', text)],
    async close() {
      hosts.end()
      await server.close()
      home.remove()
    },
  }
}

/** A protected MCP server with one tool, its issuer, each on an origin of its own, and a bridge with a person to try them. */
export async function startProtectedStage(metadata: NonNullable<AuthorizationScript['metadata']> = {}) {
  const issuer = await startScriptedIssuer({ metadata })
  const server = await startScriptedOrigin()
  const home = await makePersonHome()
  const state = {
    /** The authorization server that the metadata names. */
    issuer: issuer.origin,
    accepts: (_token: string): boolean => true,
  }
  const protection = { issuer: () => state.issuer, accepts: (token: string) => state.accepts(token) }
  Object.assign(server.routes, protectedRoutes(server.origin, protection))
  const { callback, environment, tabs } = home
  return {
    issuer,
    server,
    state,
    home: home.path,
    environment,
    /** Words that name the callback. */
    callback,
    host: (...args: string[]) => home.host([`${server.origin}/mcp`, ...callback, ...args]),
    /** Runs a command to its end. */
    command: (...args: string[]) => home.command([...args, ...callback]),
    /** The same without a callback: for commands that take none. */
    plainCommand: (...args: string[]) => home.command(args),
    tabs,
    async close() {
      home.end()
      await Promise.all([issuer.close(), server.close()])
      home.remove()
    },
  }
}
