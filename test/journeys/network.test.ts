// The real program behind a company's proxy and its private authority, with nothing but the environment and one line of config.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, expect, onTestFinished, test } from 'vitest'
import { AUTHORITY_FILE, serveSecurely, startProxy } from '../fakes/secureLoopback.ts'
import { startHost } from '../servers/host.js'
import { startHome } from '../servers/startHome.js'

const INITIALIZED = { protocolVersion: '2025-11-25', capabilities: {}, serverInfo: { name: 's', version: '1' } }

let home: ReturnType<typeof startHome>

beforeEach(() => {
  home = startHome()
  onTestFinished(() => home.remove())
})

/** Answers everything as an MCP server that knows only `initialize` and `ping`. */
const mcp = (body: string) => {
  const { id, method } = JSON.parse(body || '{}')
  return id === undefined
    ? ''
    : JSON.stringify({ jsonrpc: '2.0', id, result: method === 'initialize' ? INITIALIZED : {} })
}

test('HTTPS_PROXY and ca_file are enough, and cookies of the load balancer come back', async () => {
  const server = await serveSecurely('server.pem', mcp)
  const proxy = await startProxy()
  const config = join(home.home, 'config.yaml')
  writeFileSync(config, `ca_file: ${AUTHORITY_FILE}\n`)
  const host = startHost([`https://mcp.example.test:${server.port}/mcp`, '--config', config, '--debug'], {
    ...home.environment,
    HTTPS_PROXY: `http://user:proxy-canary@127.0.0.1:${proxy.port}`,
  })
  expect((await host.initialize()).result).toEqual(INITIALIZED)
  expect((await host.request('ping')).result).toEqual({})
  expect(await host.close()).toBe(0)
  expect(proxy.asked.every(([line]) => line === `CONNECT mcp.example.test:${server.port}`)).toBe(true)
  expect(server.requests[0]?.cookie).toBeUndefined()
  expect(server.requests.at(-1)?.cookie).toBe('lb=cookie-canary')
  expect(host.stderr).toContain('proxy:start')
  expect(host.stderr).not.toContain('canary')
})

test('the system’s store alone is enough', async () => {
  const server = await serveSecurely('server.pem', mcp)
  const host = startHost([`${server.origin}/mcp`], { ...home.environment, SSL_CERT_FILE: AUTHORITY_FILE })
  expect((await host.initialize()).result).toEqual(INITIALIZED)
  expect(await host.close()).toBe(0)
})

test('an unknown authority is named to the host, with both remedies; nothing is sent', async () => {
  const server = await serveSecurely('server.pem', mcp)
  const host = startHost([`${server.origin}/mcp`], home.environment)
  const { error } = await host.request('initialize', { protocolVersion: '2025-11-25', capabilities: {} })
  expect(error.data.code).toBe('tls_failed')
  expect(error.message).toContain('Example Corp Root CA')
  expect(error.data.hint).toMatch(/ca_file.*system/)
  expect(server.requests).toEqual([])
  expect(await host.close()).toBe(0)
})
