// Chromium at the real program: the consent page leads to loopback, https and private schemes, takes a no, a reload, two tabs and the keyboard, and is closed to another browser.
import { mkdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { has, pathOf } from '../../needs.ts'
import { beginAt, type GatewayStage, startGatewayStage } from '../../servers/gatewayStage.ts'

/** Pictures for people; kept outside the repository. */
const PICTURES = process.env.ARTIFACTS ?? join(tmpdir(), 'mcp-oauth-bridge-artifacts')
const FLAGS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking']
const LOOPBACK = 'http://127.0.0.1:33418/callback'
const HTTPS = 'https://app.example.com/oauth/callback'
const PRIVATE = 'cursor://anysphere.cursor-retrieval/oauth/callback'

describe.skipIf(!has('chromium'))('a person with Chromium', () => {
  let stage: GatewayStage
  let browser: Browser
  let profile: BrowserContext
  /** The first start of a Chromium that was just installed fills its caches. */
  beforeAll(async () => {
    mkdirSync(PICTURES, { recursive: true })
    stage = await startGatewayStage({ target: 'http://127.0.0.1:9/mcp' })
    browser = await chromium.launch({ executablePath: pathOf('chromium') ?? '', args: FLAGS, timeout: 200_000 })
  }, 240_000)
  afterEach(() => profile?.close())
  afterAll(async () => {
    await browser?.close()
    await stage?.close()
  })

  /** A tab, in which the addresses of clients are answered: nobody is there. */
  async function openTab(other?: BrowserContext): Promise<Page> {
    if (!other) profile = await browser.newContext({ viewport: { width: 900, height: 900 } })
    const page = await (other ?? profile).newPage()
    const wire = await page.context().newCDPSession(page)
    wire.on('Fetch.requestPaused', ({ requestId }) => {
      const body = Buffer.from('<!doctype html><title>The application</title>').toString('base64')
      void wire
        .send('Fetch.fulfillRequest', {
          ...{ requestId, responseCode: 200, body },
          responseHeaders: [{ name: 'content-type', value: 'text/html' }],
        })
        .catch(() => undefined)
    })
    const patterns = [LOOPBACK, HTTPS].map((urlPattern) => ({ urlPattern: `${urlPattern}*` }))
    await wire.send('Fetch.enable', { patterns })
    return page
  }
  const begin = (redirectUri: string, clientName = 'Code Editor') => beginAt(stage.origin, { redirectUri, clientName })
  const allow = (page: Page) => page.getByRole('button', { name: /^Allow, and sign in with test/ }).click()
  const atClient = async (page: Page, redirectUri: string) => {
    await page.waitForURL((url) => url.href.startsWith(redirectUri))
    return new URL(page.url()).searchParams
  }
  /** Addresses of a private scheme that the tab was sent to. */
  function endsOf(page: Page): string[] {
    const ends: string[] = []
    page.on('response', (response) => {
      const { location } = response.headers()
      if (location?.startsWith('cursor:')) ends.push(location)
    })
    return ends
  }
  async function picture(page: Page, name: string) {
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme })
      await page.screenshot({ path: join(PICTURES, `gateway-${name}-${colorScheme}.png`) })
    }
  }

  test.each([
    ['loopback', LOOPBACK, /a program on this computer/],
    ['an https host', HTTPS, undefined],
  ] as const)('allows a client at %s, and is there with a code that is good', async (where, redirectUri, warning) => {
    const flow = await begin(redirectUri)
    const page = await openTab()
    await page.goto(flow.url)
    await page.getByRole('heading', { name: '“Code Editor” asks for access' }).waitFor()
    const text = (await page.locator('main').textContent()) ?? ''
    expect(text).toContain(redirectUri)
    expect(text).toContain(stage.url)
    if (warning) expect(text).toMatch(warning)
    else expect(text).not.toContain('Caution')
    await picture(page, `consent-${where.replaceAll(' ', '-')}`)
    await allow(page)
    const back = await atClient(page, redirectUri)
    expect([back.get('state'), back.get('iss')]).toEqual([flow.state, stage.origin])
    expect((await flow.redeem(back)).status).toBe(200)
  })

  test('allows a client with a private scheme, and its address gets a code that is good', async () => {
    const flow = await begin(PRIVATE)
    const page = await openTab()
    const ends = endsOf(page)
    await page.goto(flow.url)
    expect(await page.locator('main').textContent()).toMatch(/a program that handles this kind of address/)
    await picture(page, 'consent-private-scheme')
    await allow(page)
    await expect.poll(() => ends, { timeout: 30_000 }).toHaveLength(1)
    const end = new URL(ends[0] ?? '')
    expect(end.href.startsWith(PRIVATE)).toBe(true)
    expect((await flow.redeem(end.searchParams)).status).toBe(200)
    await page.getByRole('heading', { name: 'Back to Code Editor' }).waitFor()
    await picture(page, 'back-to-private-scheme')
  })

  test('says no, and the client is told', async () => {
    const flow = await begin(LOOPBACK)
    const page = await openTab()
    await page.goto(flow.url)
    await page.getByRole('button', { name: 'No', exact: true }).click()
    const back = await atClient(page, LOOPBACK)
    expect([back.get('error'), back.get('state'), back.has('code')]).toEqual(['access_denied', flow.state, false])
  })

  test('says no to a client with a private scheme, and its address is told', async () => {
    const page = await openTab()
    const ends = endsOf(page)
    await page.goto((await begin(PRIVATE)).url)
    await page.getByRole('button', { name: 'No', exact: true }).click()
    await expect.poll(() => ends, { timeout: 30_000 }).toHaveLength(1)
    expect(new URL(ends[0] ?? '').searchParams.get('error')).toBe('access_denied')
    await page.getByRole('heading', { name: 'Back to Code Editor' }).waitFor()
  })

  test('loads the page again, and its answer counts', async () => {
    const flow = await begin(LOOPBACK)
    const page = await openTab()
    await page.goto(flow.url)
    await page.reload()
    await allow(page)
    expect((await flow.redeem(await atClient(page, LOOPBACK))).status).toBe(200)
  })

  test('answers two flows in two tabs, the second one first', async () => {
    const flows = [await begin(LOOPBACK, 'First'), await begin(HTTPS, 'Second')] as const
    const first = await openTab()
    const second = await openTab(profile)
    await first.goto(flows[0].url)
    await second.goto(flows[1].url)
    await allow(second)
    const later = await flows[1].redeem(await atClient(second, HTTPS))
    await allow(first)
    const earlier = await flows[0].redeem(await atClient(first, LOOPBACK))
    expect([earlier.status, later.status]).toEqual([200, 200])
    expect(earlier.clientId).not.toBe(later.clientId)
  })

  test('in another browser sees that the sign-in is not open there, and the flow lives where it was begun', async () => {
    const flow = await begin(LOOPBACK)
    const page = await openTab()
    await page.goto(flow.url)
    const mine = profile
    const stranger = await openTab()
    const answer = await stranger.goto(page.url())
    expect(answer?.status()).toBe(403)
    await stranger.getByRole('heading', { name: 'This sign-in is not open here' }).waitFor()
    await picture(stranger, 'another-browser')
    await profile.close()
    profile = mine
    await allow(page)
    expect((await flow.redeem(await atClient(page, LOOPBACK))).status).toBe(200)
  })

  test('gets by with the keyboard alone: each button is reached, and its focus shows', async () => {
    const flow = await begin(LOOPBACK)
    const page = await openTab()
    await page.goto(flow.url)
    const focused = () => page.evaluate('document.activeElement.textContent')
    await page.keyboard.press('Tab')
    expect(await focused()).toMatch(/^Allow/)
    expect(await page.evaluate('getComputedStyle(document.activeElement).outlineStyle')).toBe('solid')
    await page.keyboard.press('Tab')
    expect(await focused()).toBe('No')
    await page.keyboard.press('Shift+Tab')
    await page.keyboard.press('Enter')
    expect((await flow.redeem(await atClient(page, LOOPBACK))).status).toBe(200)
  })

  test('on a narrow screen scrolls down only, whatever a client calls itself', async () => {
    const page = await openTab()
    await page.setViewportSize({ width: 320, height: 640 })
    await page.goto((await begin(`${HTTPS}/${'long'.repeat(60)}`, 'W'.repeat(80))).url)
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(320)
    await picture(page, 'narrow')
  })

  test('reads what is wrong where no client could be told', async () => {
    const page = await openTab()
    const flow = await begin(LOOPBACK)
    const answer = await page.goto(flow.url.replace(/client_id=[^&]*/, 'client_id=unknown'))
    expect(answer?.status()).toBe(400)
    await page.getByRole('heading').waitFor()
    await picture(page, 'unknown-client')
    await page.goto(`${stage.origin}/auth/login`)
    await page.getByRole('heading', { name: 'You are signed in' }).waitFor()
    await picture(page, 'signed-in')
  })
})
