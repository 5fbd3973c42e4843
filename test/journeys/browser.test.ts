// A real browser, opened by the bridge's own opener, signs in through a form.
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Browser, chromium } from 'playwright-core'
import { afterEach, expect, test } from 'vitest'
import { has } from '../needs.ts'
import { freePort } from '../servers/everything.js'
import { startStage } from '../servers/stage.js'

let stage: Awaited<ReturnType<typeof startStage>>
let browser: Browser | undefined
afterEach(async () => {
  // close() would only let go of it: it was not playwright that started it.
  const session = await browser?.newBrowserCDPSession()
  await session?.send('Browser.close').catch(() => undefined)
  browser = undefined
  await stage?.close()
})

/** Pictures for people; kept outside the repository. */
const PICTURES = process.env.ARTIFACTS ?? join(tmpdir(), 'mcp-oauth-bridge-artifacts')

const FLAGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

/** A script that starts Chromium with the one URL it is given, as xdg-open would; the test drives it by its debugging port. */
function writeOpener(debugPort: number): string {
  const path = join(stage.home, 'chromium-opener')
  const profile = join(stage.home, 'chromium-profile')
  writeFileSync(
    path,
    `#!/bin/sh\nexec chromium ${FLAGS.join(' ')} --remote-debugging-port=${debugPort} --user-data-dir=${profile} "$@"\n`,
  )
  chmodSync(path, 0o755)
  return path
}

async function attach(debugPort: number): Promise<Browser> {
  for (;;) {
    const answer = await fetch(`http://127.0.0.1:${debugPort}/json/version`).catch(() => undefined)
    if (answer?.ok) return chromium.connectOverCDP(`http://127.0.0.1:${debugPort}`)
  }
}

test.skipIf(!has('chromium'))(
  'Chromium, opened by the bridge, signs in through a form and sees the success page',
  async () => {
    stage = await startStage({ person: 'form' })
    mkdirSync(PICTURES, { recursive: true })
    const debugPort = await freePort()
    const host = stage.host([], { BROWSER: writeOpener(debugPort) })
    const initialized = host.initialize()
    browser = await attach(debugPort)
    const page = browser.contexts()[0]?.pages()[0] ?? (await browser.contexts()[0]?.waitForEvent('page'))
    if (!page) throw new Error('no tab was opened')
    await page.getByLabel('Name').fill('alice')
    await page.getByLabel('Password').fill('wonderland')
    await page.getByRole('button', { name: 'Continue' }).click()
    await page.getByRole('heading', { name: 'Allow access?' }).waitFor()
    await page.getByRole('button', { name: 'Continue' }).click()
    await page.getByRole('heading', { name: 'You are signed in' }).waitFor()
    expect(await page.locator('code').textContent()).toBe(stage.server.url)
    await page.screenshot({ path: join(PICTURES, 'signed-in-light.png') })
    await page.emulateMedia({ colorScheme: 'dark' })
    await page.screenshot({ path: join(PICTURES, 'signed-in-dark.png') })
    expect((await initialized).result.serverInfo).toBeDefined()
    await host.close()
  },
)

test.skipIf(!has('chromium'))('a person who is refused sees what failed and what to do', async () => {
  stage = await startStage({ person: 'deny' })
  const debugPort = await freePort()
  const host = stage.host([], { BROWSER: writeOpener(debugPort) })
  const initialized = host.initialize()
  browser = await attach(debugPort)
  const page = browser.contexts()[0]?.pages()[0] ?? (await browser.contexts()[0]?.waitForEvent('page'))
  if (!page) throw new Error('no tab was opened')
  await page.getByRole('heading', { name: 'The sign-in did not work' }).waitFor()
  const text = await page.locator('main').textContent()
  expect(text).toContain('access_denied')
  expect(text).toContain('Sign in again')
  await page.screenshot({ path: join(PICTURES, 'failed.png') })
  expect((await initialized).error.data.code).toBe('access_denied')
  await host.close()
})
