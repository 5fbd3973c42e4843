// Servers no one here wrote the protocol of: both generations of the official SDK, resumable and polled.
import { afterEach, describe, expect, test } from 'vitest'
import { startScriptedStage } from '../servers/scriptedStage.ts'
import { startSdkServer } from '../servers/sdkServers.ts'
import { until } from '../servers/until.ts'

const open: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.close()
})

describe.each(['v1', 'v2'] as const)('a server of the SDK %s', (generation) => {
  async function start() {
    const stage = await startScriptedStage()
    const server = await startSdkServer(generation)
    open.push(stage, server)
    const host = stage.hostOf(server.url)
    const { result } = await host.initialize()
    expect(result.serverInfo.name).toBe(`sdk-${generation}`)
    return { host, server }
  }

  test('that ends a stream to be polled still delivers its answer, with one call', async () => {
    const { host, server } = await start()
    expect((await host.request('tools/call', { name: 'polled' })).result.content[0].text).toBe('late')
    expect(server.state.calls).toBe(1)
  })

  test('delivers its messages on the standing stream', async () => {
    const { host } = await start()
    // The standing stream opens in its own time; until it is there, nothing can be said on it.
    const announced = () => host.heard.some(({ method }) => method === 'notifications/tools/list_changed')
    await until(
      'what the server announced',
      async () => {
        await host.request('tools/call', { name: 'announce' })
        return announced()
      },
      () => host.lines,
    )
  })

  test('that has forgotten its sessions is initialized again, and only once', async () => {
    const { host, server } = await start()
    server.forgetSessions()
    const lists = await Promise.all([
      host.request('tools/list'),
      host.request('tools/list'),
      host.request('tools/list'),
    ])
    for (const { result } of lists) expect(result.tools).toHaveLength(3)
    expect(server.state.initialized).toBe(2)
  })

  test('has no session left at the end', async () => {
    const { host, server } = await start()
    expect(server.sessions()).toBe(1)
    expect(await host.close()).toBe(0)
    expect(server.sessions()).toBe(0)
    expect(host.rubbish).toEqual([])
  })
})
