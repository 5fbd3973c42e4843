// A real browser, opened by the bridge's own opener, signs in through a form.
import { execFile } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { type Browser, chromium } from 'playwright-core'
import { afterEach, beforeAll, expect, test } from 'vitest'
import { serve } from '../fakes/loopback.ts'
import { has, pathOf } from '../needs.ts'
import { freePort } from '../servers/freePort.ts'
import { startStage } from '../servers/stage.ts'

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

/** The first start of a Chromium that was just installed fills its caches: on a busy machine longer than a test may take. */
beforeAll(async () => {
  const path = pathOf('chromium')
  if (path === undefined) return
  const profile = mkdtempSync(join(tmpdir(), 'mcp-oauth-bridge-first-'))
  await promisify(execFile)(path, [...FLAGS, `--user-data-dir=${profile}`, '--dump-dom', 'about:blank'])
  rmSync(profile, { recursive: true, force: true, maxRetries: 5 })
}, 240_000)

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
    const signal = AbortSignal.timeout(5_000)
    const answer = await fetch(`http://127.0.0.1:${debugPort}/json/version`, { signal }).catch(() => undefined)
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
    expect(page.url()).toBe(stage.callbackUrl)
    const visited = await page.context().newCDPSession(page)
    const { entries } = await visited.send('Page.getNavigationHistory')
    expect(entries.filter(({ url }) => url.startsWith(stage.callbackUrl)).map(({ url }) => url)).toEqual([
      stage.callbackUrl,
    ])
    await page.screenshot({ path: join(PICTURES, 'signed-in-light.png') })
    await page.emulateMedia({ colorScheme: 'dark' })
    await page.screenshot({ path: join(PICTURES, 'signed-in-dark.png') })
    expect((await initialized).result.serverInfo).toBeDefined()
    await host.close()
  },
)

async function startRefusing() {
  const made = await startStage()
  made.server.state.refuses = true
  return made
}

test.skipIf(!has('chromium')).each([
  ['a person who is refused', () => startStage({ person: 'deny' }), 'access_denied', 'Sign in again'],
  ['a person whose token the MCP server then refuses', startRefusing, 'unauthorized', 'another audience'],
] as const)('%s sees what failed and what to do', async (_, start, code, remedy) => {
  stage = await start()
  const debugPort = await freePort()
  const host = stage.host([], { BROWSER: writeOpener(debugPort) })
  const failure = host.failure()
  browser = await attach(debugPort)
  const page = browser.contexts()[0]?.pages()[0] ?? (await browser.contexts()[0]?.waitForEvent('page'))
  if (!page) throw new Error('no tab was opened')
  await page.getByRole('heading', { name: 'Sign-in failed' }).waitFor()
  const text = await page.locator('main').textContent()
  expect(text).toContain(code)
  expect(text).toContain(remedy)
  expect(page.url()).toBe(stage.callbackUrl)
  await page.screenshot({ path: join(PICTURES, `failed-${code}.png`) })
  expect((await failure).data.code).toBe(code)
  await host.close()
})

test.skipIf(!has('chromium'))('requests that a page of another site sends to the callback use up no code', async () => {
  stage = await startStage()
  const login = stage.start(['login', stage.server.url, '--no-browser', '--callback-url', stage.callbackUrl])
  const address = await login.says(/^http\S+/m)
  const end = await stage.visitElsewhere(address)
  const asked = [`<img src="${end}">`, `<iframe src="${end}"></iframe>`, `<link rel="prefetch" href="${end}">`]
  const evil = await serve((_seen, _request, response) =>
    response
      .writeHead(200, { 'content-type': 'text/html' })
      .end(`<!doctype html>${asked.join('')}<script>fetch("${end}", { mode: 'no-cors' })</script>`),
  )
  browser = await chromium.launch({ executablePath: pathOf('chromium') ?? '', args: FLAGS })
  const page = await browser.newPage()
  const answers: number[] = []
  page.on('response', (response) => {
    if (response.url() === end) answers.push(response.status())
  })
  await page.goto(evil.origin, { waitUntil: 'networkidle' })
  expect(answers.length).toBeGreaterThanOrEqual(3)
  expect(new Set(answers)).toEqual(new Set([403]))
  expect(stage.authorization.state.tokenRequests).toBe(0)
  mkdirSync(PICTURES, { recursive: true })
  await page.goto(`${stage.callbackUrl}?code=x&state=old`)
  await page.getByRole('heading', { name: 'Invalid state' }).waitFor()
  await page.screenshot({ path: join(PICTURES, 'invalid-state.png') })
  await page.goto(end)
  await page.getByRole('heading', { name: 'You are signed in' }).waitFor()
  expect(await login.exited).toBe(0)
})
