// A host that begins with initialize asks again for lists of a 2026 server: while they are fresh the server is not asked, and never are they somebody else's.
import { afterEach, beforeEach, expect, test } from 'vitest'
import { startModernServer } from '../../servers/modernServers.ts'
import { startStage } from '../../servers/stage.ts'
import { until } from '../../servers/until.ts'

let stage: Awaited<ReturnType<typeof startStage>>
let server: Awaited<ReturnType<typeof startModernServer>>
beforeEach(async () => {
  stage = await startStage()
  server = await startModernServer('modern', { cache: { ttlMs: 600_000, cacheScope: 'public' } })
  stage.server.state.target = server.url
})
afterEach(async () => {
  await server.close()
  await stage.close()
})

const asked = (method: string) => server.seen.filter(({ message }) => message?.method === method).length

async function start() {
  const host = stage.host()
  await host.initialize()
  await until('a stream of changes', () => asked('subscriptions/listen') > 0)
  return host
}

test('a list that is fresh is asked for once, each page by itself, until it changes', async () => {
  const host = await start()
  const first = await host.request('tools/list')
  expect((await host.request('tools/list')).result).toEqual(first.result)
  expect(first.result).not.toHaveProperty('ttlMs')
  expect(asked('tools/list')).toBe(1)
  const { nextCursor: cursor } = (await host.request('prompts/list')).result
  await host.request('prompts/list', { cursor })
  await host.request('prompts/list', { cursor })
  expect(asked('prompts/list')).toBe(2)
  server.change('tools')
  await until('the news of a change', () =>
    host.heard.some(({ method }) => method === 'notifications/tools/list_changed'),
  )
  const { tools } = (await host.request('tools/list')).result
  expect(tools.map(({ name }: { name: string }) => name)).toContain('late')
  expect([asked('tools/list'), asked('prompts/list')]).toEqual([2, 2])
})

test('a list of somebody who has signed out is given to nobody: the server is asked', async () => {
  const host = await start()
  await host.request('tools/list')
  expect((await stage.command(['logout', stage.server.url])).code).toBe(0)
  const { refused } = stage.server.state
  await host.request('tools/list')
  expect(stage.server.state.refused).toBeGreaterThan(refused)
})
