// The tab of an attempt: opened by one of the processes that see to it, and by the next one where that was ended before.
import { expect, test } from 'vitest'
import { BridgeError } from '../../../../src/errors.ts'
import { openBrowser, openBrowserOnce } from '../../../../src/signin/attempt/openBrowser.ts'
import { createFakeAttemptStore } from '../../../fakes/fakeAttemptStore.ts'
import { createFakeClock } from '../../../fakes/fakeClock.ts'
import { createFakeLeases } from '../../../fakes/fakeLeases.ts'
import { createFakeLogger } from '../../../fakes/fakeLogger.ts'

const ADDRESS = new URL('https://as.example/authorize?state=s')

async function setUp(open: (count: number) => Promise<void> = async () => undefined) {
  const clock = createFakeClock()
  const attempts = createFakeAttemptStore(clock.now)
  const { attempt } = await attempts.begin(
    { server: 'https://mcp.example/mcp', profile: 'default' },
    { status: 401 },
    9e15,
  )
  const tabs: string[] = []
  const browser = async () => ({
    async open({ href }: URL) {
      tabs.push(href)
      await open(tabs.length)
    },
  })
  const deps = { attempts, browser, log: createFakeLogger(), leases: createFakeLeases(() => undefined, clock.now) }
  const openedAt = async () => (await attempts.byId(attempt.id))?.openedAt
  return { clock, attempts, tabs, deps, id: attempt.id, openedAt }
}

test('of 20 processes one opens it, and nobody does later', async () => {
  const { deps, id, tabs } = await setUp()
  await Promise.all(Array.from({ length: 20 }, () => openBrowserOnce(deps, id, ADDRESS)))
  await openBrowserOnce(deps, id, ADDRESS)
  expect(tabs).toEqual([ADDRESS.href])
})

test('a process that is ended before its browser was started leaves the tab to the next one', async () => {
  const { deps, id, tabs, clock, openedAt } = await setUp()
  const started = new Promise<never>(() => undefined)
  void openBrowserOnce({ ...deps, browser: () => started }, id, ADDRESS)
  await openBrowserOnce(deps, id, ADDRESS)
  expect(tabs).toEqual([])
  clock.advance(10_000)
  await openBrowserOnce(deps, id, ADDRESS)
  expect(tabs).toEqual([ADDRESS.href])
  expect(await openedAt()).toBe(clock.now())
})

test('it counts as opened while the opener still runs, and where the opener failed', async () => {
  const { deps, id, openedAt, clock } = await setUp(async () => {
    throw new BridgeError('browser_failed', { message: 'No.' })
  })
  let isStuck = false
  await openBrowser(deps, id, ADDRESS, () => {
    isStuck = true
  })
  expect(isStuck).toBe(true)
  expect(await openedAt()).toBe(clock.now())

  const slow = await setUp(() => new Promise(() => undefined))
  void openBrowser(slow.deps, slow.id, ADDRESS, () => undefined)
  await expect.poll(slow.openedAt).toBe(slow.clock.now())
})

test('no tab is opened for an attempt that is gone', async () => {
  const { deps, tabs } = await setUp()
  await openBrowserOnce(deps, 'nobody', ADDRESS)
  expect(tabs).toEqual([])
})

test('a tab is open where its row cannot be written: the person is not told to open it by hand', async () => {
  const { deps, id, tabs } = await setUp()
  const attempts = { ...deps.attempts, tabOpened: () => Promise.reject(new BridgeError('database_locked')) }
  let isStuck = false
  await openBrowser({ ...deps, attempts }, id, ADDRESS, () => {
    isStuck = true
  })
  expect(tabs).toHaveLength(1)
  expect(isStuck).toBe(false)
})
