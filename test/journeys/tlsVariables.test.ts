// Promise: no variable of the environment switches the TLS checks off, for a server, an authorization server or a proxy.
import { readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { createServer as createSecure } from 'node:https'
import type { AddressInfo } from 'node:net'
import { beforeEach, expect, onTestFinished, test } from 'vitest'
import { serveSecurely } from '../fakes/secureLoopback.ts'
import { freePort } from '../servers/freePort.ts'
import { makeHome } from '../servers/home.ts'
import { startHost } from '../servers/host.ts'
import { runProgram } from '../servers/runProgram.ts'

const OFF = { NODE_TLS_REJECT_UNAUTHORIZED: '0' }
let home: ReturnType<typeof makeHome>
let environment: NodeJS.ProcessEnv

beforeEach(() => {
  home = makeHome()
  environment = { ...home.environment, ...OFF }
  onTestFinished(() => home.remove())
})

async function opened(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return (server.address() as AddressInfo).port
}

test('a server with an untrusted certificate is refused although NODE_TLS_REJECT_UNAUTHORIZED is 0', async () => {
  const server = await serveSecurely()
  const host = startHost([`${server.origin}/mcp`, '--header', 'X-Key: canary-key'], environment)
  expect((await host.failure()).data.code).toBe('tls_failed')
  expect(await host.close()).toBe(0)
  expect(server.requests).toEqual([])
  // Node's own warning says that the checks are off, which they are not.
  expect(host.stderr).not.toMatch(/NODE_TLS_REJECT_UNAUTHORIZED|insecure/)
})

test('a proxy with an untrusted certificate is not asked to connect', async () => {
  const tls = (name: string) => readFileSync(new URL(`../servers/tls/${name}`, import.meta.url))
  const asked: (string | undefined)[] = []
  const proxy = createSecure({ cert: tls('server.pem'), key: tls('server.key') })
  proxy.on('connect', ({ url }, socket) => {
    asked.push(url)
    socket.end('HTTP/1.1 502 No\r\ncontent-length: 0\r\n\r\n')
  })
  const port = await opened(proxy)
  const host = startHost(['https://mcp.example.test/mcp'], {
    ...environment,
    HTTPS_PROXY: `https://name:canary-password@localhost:${port}`,
  })
  expect((await host.failure()).data.code).toBe('proxy_failed')
  expect(await host.close()).toBe(0)
  expect(asked).toEqual([])
})

test('an authorization server with an untrusted certificate receives no request', async () => {
  const authorization = await serveSecurely()
  const server = createServer(({ url }, response) => {
    if (url?.startsWith('/.well-known/oauth-protected-resource')) {
      const resource = `http://127.0.0.1:${port}/mcp`
      response.setHeader('content-type', 'application/json')
      return response.end(JSON.stringify({ resource, authorization_servers: [authorization.origin] }))
    }
    return response.writeHead(401, { 'www-authenticate': 'Bearer' }).end()
  })
  const port = await opened(server)
  const callback = `http://localhost:${await freePort()}/auth/callback`
  const words = ['login', `http://127.0.0.1:${port}/mcp`, '--no-browser', '--callback-url', callback]
  const { code, stderr } = await runProgram(words, environment, { cwd: home.path })
  expect(code).not.toBe(0)
  expect(stderr).toMatch(/SELF_SIGNED|tls_failed|certificate/i)
  expect(authorization.requests).toEqual([])
})

test('doctor says that the variable is ignored, and which other variables expose secrets', async () => {
  const extra = { NODE_OPTIONS: `--tls-keylog=${home.path}/keys --tls-min-v1.0`, NODE_DEBUG: 'undici' }
  const { code, stdout } = await runProgram(['doctor', '--json'], { ...environment, ...extra }, { cwd: home.path })
  const { checks } = JSON.parse(stdout) as { checks: { name: string; status: string; detail: string }[] }
  const found = checks.find(({ name }) => name === 'versions')
  expect(found?.status).toBe('warn')
  for (const name of ['NODE_TLS_REJECT_UNAUTHORIZED', '--tls-keylog', '--tls-min-v1.0', 'NODE_DEBUG'])
    expect(found?.detail).toContain(name)
  expect(found?.detail).toMatch(/NODE_TLS_REJECT_UNAUTHORIZED is ignored/)
  expect(code).toBe(0)
})
