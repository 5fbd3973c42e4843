// In Electron, where Claude Desktop runs bundles: no second Node can be started, and the bridge signs in without one.
import { fileURLToPath } from 'node:url'
import { afterEach, expect, test } from 'vitest'
import { startStage } from '../servers/stage.ts'

const ELECTRON = fileURLToPath(new URL('../servers/electron.cjs', import.meta.url))

let stage: Awaited<ReturnType<typeof startStage>>
afterEach(() => stage?.close())

const inElectron = (person: 'present' | 'absent' = 'present') => ({
  NODE_OPTIONS: `--require ${JSON.stringify(ELECTRON)}`,
  PERSON: person,
})
const echo = async (host: ReturnType<typeof stage.host>) =>
  (await host.request('tools/call', { name: 'echo', arguments: { message: 'here' } })).result?.content[0].text

test('the first call signs in, within the process of the bridge, and is answered', async () => {
  stage = await startStage()
  const host = stage.host([], inElectron())
  await host.initialize()
  expect(await echo(host)).toBe('Echo: here')
  expect(stage.tabs()).toHaveLength(1)
  expect(stage.loginProcesses()).toEqual([])
  expect(await host.close()).toBe(0)
})

test('a host that ends while the tab is open: the next start goes on with it, and the tab still counts', async () => {
  stage = await startStage()
  const host = stage.host([], inElectron('absent'))
  host.initialize().catch(() => undefined)
  const [[tab] = []] = await stage.untilTabs(1)
  expect(await host.close()).toBe(0)
  const next = stage.host([], inElectron('absent'))
  const call = next.initialize().then(() => echo(next))
  await stage.untilCallbackPortAnswers()
  await stage.visit(tab ?? '')
  expect(await call).toBe('Echo: here')
  expect(stage.tabs()).toHaveLength(1)
})
