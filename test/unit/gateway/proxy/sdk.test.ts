// The gateway's listener and message path between the official SDK's client and servers, with a real seal: sessions, streams, resumption.
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { ToolListChangedNotificationSchema } from '@modelcontextprotocol/sdk/types.js'
import { expect, onTestFinished, test } from 'vitest'
import { createJwksHandler } from '../../../../src/gateway/proxy/assertion/jwks.ts'
import { createGatewaySeal } from '../../../../src/store/gateway/gatewaySeal.ts'
import { startShell } from '../../../fakes/gatewayShell.ts'
import { createProxy } from '../../../fakes/proxyKit.ts'
import { freePort } from '../../../servers/freePort.ts'
import { startSdkServer } from '../../../servers/sdkServers.ts'
import { within } from '../../../servers/until.ts'

async function startAll(generation: 'v1' | 'v2') {
  const server = await startSdkServer(generation)
  const port = await freePort()
  const publicUrl = `http://127.0.0.1:${port}`
  const proxy = createProxy({
    publicUrl,
    upstream: server.url,
    seal: createGatewaySeal([new Uint8Array(32).fill(7)]),
    quietMs: 5,
  })
  await startShell({
    settings: { listen: { host: '127.0.0.1', port }, publicUrl, servers: proxy.servers },
    handlers: { mcp: proxy.handler, jwks: createJwksHandler(proxy.keys) },
  })
  onTestFinished(async () => {
    await proxy.close()
    await server.close()
  })
  const connect = async () => {
    const client = new Client({ name: 'test', version: '1.0.0' })
    const requestInit = { headers: { authorization: 'Bearer token-ada' } }
    const transport = new StreamableHTTPClientTransport(new URL(`${publicUrl}/mcp`), { requestInit })
    await client.connect(transport as never)
    onTestFinished(() => client.close())
    return { client, transport }
  }
  return { publicUrl, server, connect }
}

test.each(['v1', 'v2'] as const)(
  'a client of the SDK uses a server of SDK %s: session, a stream of notifications, an answer on a resumed stream',
  async (generation) => {
    const { connect, publicUrl } = await startAll(generation)
    const { client, transport } = await connect()
    expect(transport.sessionId).toMatch(/^v1\./)
    expect((await client.listTools()).tools.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['polled', 'announce']),
    )
    const changed = new Promise<void>((heard) =>
      client.setNotificationHandler(ToolListChangedNotificationSchema, () => heard()),
    )
    await client.callTool({ name: 'announce' })
    await within('the notification', changed)
    expect((await client.callTool({ name: 'polled' })).content).toEqual([{ type: 'text', text: 'late' }])
    await transport.terminateSession()
    const keys = (await (await fetch(`${publicUrl}/.well-known/jwks.json`)).json()) as { keys: object[] }
    expect(keys.keys.length).toBe(1)
  },
)
