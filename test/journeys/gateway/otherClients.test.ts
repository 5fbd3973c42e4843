// Clients as they come, at the built gateway: the MCP Inspector's own sign-in, editors with many redirect URIs, every way to authenticate, and a metadata document.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { AUTHORITY_FILE, serveSecurely, startProxy } from '../../fakes/secureLoopback.ts'
import { openBrowsing } from '../../servers/browsing.ts'
import { freePort } from '../../servers/freePort.ts'
import { createSdkSignIn } from '../../servers/gatewayClients.ts'
import { type GatewayStage, startGatewayStage, tokenAt } from '../../servers/gatewayStage.ts'
import { inspectOverHttp } from '../../servers/inspector.ts'
import { connectSdkHost } from '../../servers/modernHosts.ts'

const KNOWN = { id: 'inspector', secret: 'of the inspector', redirect_uris: ['http://127.0.0.1/oauth/callback'] }
const echo = ['--method', 'tools/call', '--tool-name', 'echo', '--tool-arg', 'message=hello']
const ECHOED = { content: [{ type: 'text', text: 'Echo: hello' }] }

let stage: GatewayStage
beforeAll(async () => {
  stage = await startGatewayStage({ serve: { clients: { known: { inspector: KNOWN } } } })
})
afterAll(() => stage?.close())

/** Signs in and calls. Gives what the client holds then. */
async function callBy(signIn: ReturnType<typeof createSdkSignIn>) {
  const host = await connectSdkHost('v1', { direct: stage.url, signIn })
  expect(await host.text('echo', { message: 'hello' })).toBe('Echo: hello')
  await host.close()
  return signIn.held
}

describe('the MCP Inspector', () => {
  const home = mkdtempSync(join(tmpdir(), 'mcp-oauth-bridge-inspector-'))
  afterAll(() => rmSync(home, { recursive: true, force: true }))
  const ask = async (...request: string[]) => {
    const callbackUrl = `http://127.0.0.1:${await freePort()}/oauth/callback`
    return inspectOverHttp({ url: stage.url, home, callbackUrl }, request)
  }

  test('registers itself, signs a person in once and calls; the next request needs nobody', async () => {
    const first = await ask('--method', 'tools/list')
    expect(first.result.tools.map(({ name }: { name: string }) => name)).toContain('echo')
    expect(first.tabs).toHaveLength(1)
    const second = await ask(...echo, '--stored-auth-only')
    expect([second.result, second.tabs]).toMatchObject([ECHOED, []])
  })

  test('signs in as a client that the config names, with its secret', async () => {
    const { result, tabs } = await ask(...echo, '--relogin', '--client-id', KNOWN.id, '--client-secret', KNOWN.secret)
    expect(result).toMatchObject(ECHOED)
    expect(tabs.map(({ searchParams }) => searchParams.get('client_id'))).toEqual([KNOWN.id])
  })
})

describe('an editor that registers all its redirect URIs at once', () => {
  const redirect_uris = [
    ...['http://127.0.0.1:33418/', 'http://127.0.0.1/', 'http://localhost:33418/', 'http://localhost/'],
    ...['https://vscode.dev/redirect', 'https://insiders.vscode.dev/redirect'],
  ]
  const metadata = { redirect_uris, application_type: 'native', client_uri: 'https://code.visualstudio.com' }

  test.each([
    ['its own port', 'http://127.0.0.1:33418/'],
    ['another port, where its own is taken', 'http://127.0.0.1:51234/'],
    ['localhost', 'http://localhost:33418/'],
    ['its page on the web', 'https://vscode.dev/redirect'],
  ])('gets its code at %s', async (_, redirectUri) => {
    const signIn = createSdkSignIn(redirectUri, 'Visual Studio Code', { metadata })
    await callBy(signIn)
    expect(signIn.callback().get('iss')).toBe(stage.origin)
  })

  test.each(['http://127.0.0.1:33418/other', 'https://vscode.dev.evil.example/redirect', 'http://192.0.2.1:33418/'])(
    'gets none at %s',
    async (redirectUri) => {
      const signIn = createSdkSignIn(redirectUri, 'Visual Studio Code', { metadata })
      await expect(callBy(signIn)).rejects.toThrow()
      const [tab = ''] = signIn.tabs
      const { status, headers, text } = await openBrowsing().load(tab)
      expect([status, headers.location, text]).toEqual([400, undefined, expect.stringContaining('has not registered')])
    },
  )
})

test.each([
  ['client_secret_basic', true],
  ['client_secret_post', true],
  ['none', false],
] as const)(
  'a client that registers with %s signs in, calls and refreshes, with its secret only',
  async (method, hasSecret) => {
    const { client, tokens } = await callBy(
      createSdkSignIn(undefined, method, { metadata: { token_endpoint_auth_method: method } }),
    )
    expect([client.token_endpoint_auth_method, client.client_secret !== undefined]).toEqual([method, hasSecret])
    const { client_id, client_secret = '' } = client
    const refresh = (form: Record<string, string>, headers = {}) =>
      fetch(`${stage.origin}/token`, {
        ...{ method: 'POST', headers },
        body: new URLSearchParams({ grant_type: 'refresh_token', refresh_token: tokens.refresh_token, ...form }),
      })
    const secrets = [...(hasSecret ? [''] : []), 'another']
    for (const secret of secrets) expect((await refresh({ client_id, client_secret: secret })).status).not.toBe(200)
    if (hasSecret) expect((await refresh({ client_id })).status).toBe(401)
    const basic = { authorization: `Basic ${btoa(`${client_id}:${client_secret}`)}` }
    const answer =
      method === 'client_secret_basic'
        ? await refresh({}, basic)
        : await refresh({ client_id, ...(hasSecret ? { client_secret } : {}) })
    expect(answer.status).toBe(200)
  },
)

test('a client that never registered is known by its metadata document, which the gateway reads over https', async () => {
  let documentUrl = ''
  const document = () => ({
    ...{ client_id: documentUrl, client_name: 'Document client', redirect_uris: ['http://127.0.0.1/oauth/callback'] },
    ...{ token_endpoint_auth_method: 'none', grant_types: ['authorization_code', 'refresh_token'] },
  })
  const host = await serveSecurely('server.pem', () => JSON.stringify(document()))
  documentUrl = `https://mcp.example.test:${host.port}/client.json`
  const proxy = await startProxy()
  const own = await startGatewayStage({
    serve: { clients: { registration: 'off', document_hosts: ['mcp.example.test'] } },
    environment: { HTTPS_PROXY: `http://127.0.0.1:${proxy.port}`, NODE_EXTRA_CA_CERTS: AUTHORITY_FILE },
  })
  onTestFinished(() => own.close())
  const callbackUrl = `http://127.0.0.1:${await freePort()}/oauth/callback`
  const { result, tabs } = await inspectOverHttp({ url: own.url, home: own.home, callbackUrl }, [
    ...echo,
    ...['--client-metadata-url', documentUrl],
  ])
  expect(result).toMatchObject(ECHOED)
  expect(tabs.map(({ searchParams }) => searchParams.get('client_id'))).toEqual([documentUrl])
  expect(host.requests).toHaveLength(1)
  const answer = await tokenAt(own.origin, { grant_type: 'refresh_token', refresh_token: 'x', client_id: documentUrl })
  expect(answer.body.error).toBe('invalid_grant')
})
