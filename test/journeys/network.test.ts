// The real program behind a company's proxy and its private authority, with nothing but the environment and one line of config.
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, expect, onTestFinished, test } from 'vitest'
import { AUTHORITY_FILE, serveSecurely, startProxy } from '../fakes/secureLoopback.ts'
import { freePort } from '../servers/freePort.ts'
import { makeHome } from '../servers/home.ts'
import { PROGRAM, startHost } from '../servers/host.ts'

const INITIALIZED = { protocolVersion: '2025-11-25', capabilities: {}, serverInfo: { name: 's', version: '1' } }

let home: ReturnType<typeof makeHome>

beforeEach(() => {
  home = makeHome()
  onTestFinished(() => home.remove())
})

/** Answers everything as an MCP server that knows only `initialize` and `ping`. */
const mcp = (body: string) => {
  const { id, method } = JSON.parse(body || '{}')
  return id === undefined
    ? ''
    : JSON.stringify({ jsonrpc: '2.0', id, result: method === 'initialize' ? INITIALIZED : {} })
}

test('HTTPS_PROXY and ca_file are enough, and cookies of the load balancer are sent back', async () => {
  const server = await serveSecurely('server.pem', mcp)
  const proxy = await startProxy()
  const config = join(home.path, 'config.yaml')
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

test('an https proxy shows a certificate for its own name; with one for the server it gets neither the password nor a request', async () => {
  const server = await serveSecurely('other.pem', mcp)
  const words = [`https://other.example.test:${server.port}/mcp`]
  const by = (port: number) => ({
    ...home.environment,
    HTTPS_PROXY: `https://user:proxy-canary@localhost:${port}`,
    SSL_CERT_FILE: AUTHORITY_FILE,
  })
  const proxy = await startProxy(200, 'server.pem')
  const host = startHost(words, by(proxy.port))
  expect((await host.initialize()).result).toEqual(INITIALIZED)
  expect(await host.close()).toBe(0)
  const impostor = await startProxy(200, 'other.pem')
  const deceived = startHost(words, by(impostor.port))
  expect((await deceived.failure()).data.code).toBe('proxy_failed')
  expect(impostor.asked).toEqual([])
  expect(await deceived.close()).toBe(0)
})

test('a sign-in uses the proxy too: discovery, registration, code exchange and the first request', async () => {
  const token = 'canary-token-through-the-proxy'
  let origin = ''
  const paths: string[] = []
  const server = await serveSecurely('server.pem', (body, { url = '', headers }) => {
    paths.push(url)
    const json = (value: unknown, status = 200) => ({ status, body: JSON.stringify(value) })
    if (url === '/.well-known/oauth-protected-resource/mcp')
      return json({ resource: `${origin}/mcp`, authorization_servers: [origin] })
    if (url === '/.well-known/oauth-authorization-server')
      return json({
        ...{ issuer: origin, authorization_endpoint: `${origin}/authorize`, token_endpoint: `${origin}/token` },
        ...{ registration_endpoint: `${origin}/register`, code_challenge_methods_supported: ['S256'] },
        ...{ response_types_supported: ['code'], token_endpoint_auth_methods_supported: ['none'] },
      })
    if (url === '/register') return json({ ...JSON.parse(body), client_id: 'registered' }, 201)
    if (url === '/token') return json({ access_token: token, token_type: 'Bearer', expires_in: 3600 })
    if (headers.authorization === `Bearer ${token}`) return mcp(body)
    const metadata = `Bearer resource_metadata="${origin}/.well-known/oauth-protected-resource/mcp"`
    return { status: 401, headers: { 'www-authenticate': metadata }, body: '' }
  })
  origin = `https://mcp.example.test:${server.port}`
  const proxy = await startProxy()
  const environment = {
    ...home.environment,
    HTTPS_PROXY: `http://127.0.0.1:${proxy.port}`,
    SSL_CERT_FILE: AUTHORITY_FILE,
  }
  const callback = `http://localhost:${await freePort()}/auth/callback`
  const words = [`${origin}/mcp`, '--callback-url', callback]
  const login = spawn(process.execPath, [PROGRAM, 'login', ...words, '--no-browser'], { env: environment })
  const exited = once(login, 'exit')
  let said = ''
  for await (const chunk of login.stderr) {
    said += chunk
    const [address] = /^https:\S+\/authorize\S+/m.exec(said) ?? []
    if (address !== undefined) {
      const state = new URL(address).searchParams.get('state') ?? ''
      const page = await fetch(`${callback}?${new URLSearchParams({ code: 'c', state })}`)
      expect(await page.text()).toContain('You are signed in')
      break
    }
  }
  expect((await exited)[0]).toBe(0)
  const host = startHost(words, environment)
  expect((await host.initialize()).result).toEqual(INITIALIZED)
  expect(await host.close()).toBe(0)
  expect(paths).toEqual(expect.arrayContaining(['/register', '/token', '/mcp']))
  expect(new Set(proxy.asked.map(([line]) => line))).toEqual(new Set([`CONNECT mcp.example.test:${server.port}`]))
})

test('the system’s store alone is enough', async () => {
  const server = await serveSecurely('server.pem', mcp)
  const host = startHost([`${server.origin}/mcp`], { ...home.environment, SSL_CERT_FILE: AUTHORITY_FILE })
  expect((await host.initialize()).result).toEqual(INITIALIZED)
  expect(await host.close()).toBe(0)
})

test('an unknown certificate authority is named to the host, with both remedies; nothing is sent', async () => {
  const server = await serveSecurely('server.pem', mcp)
  const host = startHost([`${server.origin}/mcp`], home.environment)
  const error = await host.failure()
  expect(error.data.code).toBe('tls_failed')
  expect(error.message).toContain('Example Corp Root CA')
  expect(error.data.hint).toMatch(/ca_file.*system/)
  expect(server.requests).toEqual([])
  expect(await host.close()).toBe(0)
})

test('a proxy that refuses is proxy_failed to the host, with its status and what to do about it', async () => {
  const proxy = await startProxy(407)
  const environment = { ...home.environment, HTTPS_PROXY: `http://user:proxy-canary@127.0.0.1:${proxy.port}` }
  const host = startHost(['https://mcp.example.test/mcp'], environment)
  const error = await host.failure()
  expect(error).toMatchObject({ code: 1430, data: { code: 'proxy_failed' } })
  expect(error.message).toContain('407')
  expect(error.data.hint).toContain('user name and password')
  expect(JSON.stringify(error) + host.stderr).not.toContain('canary')
  expect(await host.close()).toBe(0)
})

test('a server on the internet that names an address inside is address_refused, exit code 3, and nothing is sent there', async () => {
  const inside = await serveSecurely('server.pem')
  const origin = `https://127.0.0.1:${inside.port}`
  const server = await serveSecurely('server.pem', (body) => ({
    status: body === '' ? 200 : 401,
    body: JSON.stringify({ resource: url, authorization_servers: [origin] }),
  }))
  const url = `https://mcp.example.test:${server.port}/mcp`
  const proxy = await startProxy()
  const config = join(home.path, 'config.yaml')
  writeFileSync(config, `ca_file: ${AUTHORITY_FILE}\n`)
  const words = ['login', url, '--config', config]
  const environment = { ...home.environment, HTTPS_PROXY: `http://127.0.0.1:${proxy.port}` }
  const { code, stderr } = await new Promise<{ code: number; stderr: string }>((resolve) => {
    execFile(process.execPath, [PROGRAM, ...words], { env: environment }, (error, _, err) =>
      resolve({ code: Number(error?.code ?? 0), stderr: err }),
    )
  })
  expect(stderr).toContain('(address_refused, see ')
  expect(stderr).toContain('127.0.0.1')
  expect(/^hint: (.*)$/m.exec(stderr)?.[1]).toContain('allow_private')
  expect(code).toBe(3)
  expect(inside.connections).toBe(0)
})
