// The consent page in Chromium, by keyboard: what a browser sends, follows, frames and shows is not for us to guess.
import { type Browser, chromium } from 'playwright-core'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { openBrowser, startSignInWorld } from '../../../fakes/gatewaySignInWorld.ts'
import { serve } from '../../../fakes/loopback.ts'
import { has, pathOf } from '../../../needs.ts'

const isHere = has('chromium')
let browser: Browser

beforeAll(async () => {
  if (isHere) browser = await chromium.launch({ executablePath: pathOf('chromium') ?? '', args: ['--no-sandbox'] })
}, 240_000)
afterAll(async () => browser?.close())

/** The gateway’s pages, a provider that signs in at once, a client, and a browser that has been nowhere. */
async function open() {
  const world = await startSignInWorld({ providers: ['google', 'github'] })
  const provider = await serve(({ path }, _request, response) => {
    const state = new URL(path, world.origin).searchParams.get('state')
    response.writeHead(302, { location: `${world.origin}/auth/callback?code=c&state=${state}` }).end()
  })
  const client = await serve((_seen, _request, response) => response.end('Back at the client'))
  world.state.provider = provider.origin
  const context = await browser.newContext()
  onTestFinished(async () => {
    await context.close()
    await world.close()
  })
  /** A flow of this browser; gives the address of its consent page. */
  const flow = async () => {
    const asking = openBrowser(world.origin)
    const path = world.authorize(asking, { redirectUri: `${client.origin}/callback` })
    await context.addCookies([...asking.jar].map(([name, value]) => ({ name, value, url: world.origin })))
    return world.origin + path
  }
  return { world, client, context, flow }
}

const allow = { name: 'Allow, and sign in with Google' }

test.skipIf(!isHere)('by keyboard, through the provider and back to the client, light and dark', async () => {
  const { world, client, context, flow } = await open()
  for (const colorScheme of ['light', 'dark'] as const) {
    const page = await context.newPage()
    await page.emulateMedia({ colorScheme })
    await page.goto(await flow())
    await page.reload()
    await page.keyboard.press('Tab')
    await page.keyboard.press('Tab')
    expect(await page.locator(':focus').textContent()).toBe('Allow, and sign in with GitHub')
    await page.keyboard.press('Enter')
    await page.waitForURL(`${client.origin}/**`)
    expect(new URL(page.url()).searchParams.get('code')).toBe('code-1')
    expect(world.kept.at(-1)?.provider).toBe('github')
  }
})

test.skipIf(!isHere)('No leads back to the client, and nobody is signed in', async () => {
  const { world, client, context, flow } = await open()
  const page = await context.newPage()
  await page.goto(await flow())
  await page.getByRole('button', { name: 'No', exact: true }).click()
  await page.waitForURL(`${client.origin}/**`)
  expect(new URL(page.url()).searchParams.get('error')).toBe('access_denied')
  expect(world.kept).toEqual([])
})

test.skipIf(!isHere)('two flows in two tabs both end well', async () => {
  const { client, context, flow } = await open()
  const [one, two] = [await context.newPage(), await context.newPage()]
  await one.goto(await flow())
  await two.goto(await flow())
  for (const page of [one, two]) {
    await page.getByRole('button', allow).click()
    await page.waitForURL(`${client.origin}/**`)
    expect(new URL(page.url()).searchParams.get('code')).toBe('code-1')
  }
})

test.skipIf(!isHere)('a page of others can neither frame it nor send its form', async () => {
  const { world, context, flow } = await open()
  const address = await flow()
  const html = `<iframe src="${address}"></iframe>
    <form method="post" action="${address}"><input name="answer" value="no"><button>Win</button></form>`
  const evil = await serve((_seen, _request, response) =>
    response.writeHead(200, { 'content-type': 'text/html' }).end(html),
  )
  const page = await context.newPage()
  await page.goto(evil.origin)
  const framed = page.frames().find((frame) => frame !== page.mainFrame())
  expect(await framed?.locator('form').count()).toBe(0)
  await page.getByRole('button', { name: 'Win' }).click()
  await page.waitForURL(address)
  expect(await page.locator('h1').textContent()).toBe('This answer was not accepted')
  expect(world.outcomes).toEqual([])
  // The person's own page still works.
  await page.goto(address)
  await page.getByRole('button', allow).click()
  await page.waitForURL('**/callback?code=code-1')
})

test.skipIf(!isHere)('it fits a small screen, and its own policy refuses nothing on it', async () => {
  const { context, flow, world } = await open()
  world.state.scopes = Array.from({ length: 30 }, (_, index) => `https://api.example/auth/scope-${index}.readonly`)
  const page = await context.newPage()
  const said: string[] = []
  page.on('console', (message) => said.push(message.text()))
  await page.setViewportSize({ width: 320, height: 640 })
  await page.goto(await flow())
  expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(320)
  expect(await page.evaluate("getComputedStyle(document.querySelector('main')).borderTopWidth")).toBe('1px')
  // Thirty scopes do not push No away.
  expect(await page.evaluate("document.querySelector('.scopes').clientHeight")).toBeLessThanOrEqual(120)
  expect(said.filter((text) => /policy|refused/i.test(text))).toEqual([])
})
