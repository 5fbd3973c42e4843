// A person with a browser that has no window: it keeps cookies, follows redirects and pages that go on by themselves, and answers a consent page
import { type RequestOptions, request } from 'node:http'
import { request as requestSecurely } from 'node:https'
import type { LookupFunction } from 'node:net'

export interface Page {
  readonly url: URL
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly text: string
}

export interface Browsing {
  /** One page, as it is. */
  load(url: URL | string, form?: URLSearchParams): Promise<Page>
  /**
   * Goes on from there until a page that does not go on, or until the browser is sent to an address that begins with `end`, which is not
   * loaded. A consent page is answered with the button whose value begins with `answer`.
   */
  follow(url: URL | string, end?: string, answer?: string): Promise<Page>
}

const MOST_HOPS = 25

/** How a browser or a client reaches a name that no DNS knows, and which authority it trusts. */
export interface Network {
  readonly ca: string
  /** Every name is there. */
  readonly lookup: LookupFunction
  /** Its own address: any of 127.0.0.0/8. */
  readonly localAddress?: string
}

/**
 * `seen` gets each page in order, as it came. `reload` is waited for when a page cannot be loaded, which is then tried once more, as a person
 * does. `network` is for https.
 */
export function openBrowsing(seen: Page[] = [], reload?: () => Promise<void>, network?: Network): Browsing {
  const jars = new Map<string, Map<string, { value: string; path: string }>>()

  const loadOnce = (address: URL | string, form?: URLSearchParams) =>
    new Promise<Page>((resolve, reject) => {
      const url = new URL(address)
      const jar = jars.get(url.host) ?? new Map()
      jars.set(url.host, jar)
      const cookie = [...jar]
        .filter(([, { path }]) => url.pathname.startsWith(path))
        .map(([name, { value }]) => `${name}=${value}`)
        .join('; ')
      const headers = {
        accept: 'text/html,application/xhtml+xml',
        'sec-fetch-mode': 'navigate',
        'sec-fetch-site': form ? 'same-origin' : 'none',
        ...(cookie ? { cookie } : {}),
        ...(form ? { 'content-type': 'application/x-www-form-urlencoded', origin: url.origin } : {}),
      }
      const ask = url.protocol === 'https:' ? requestSecurely : request
      const options = { method: form ? 'POST' : 'GET', headers, ...(url.protocol === 'https:' ? network : {}) }
      ask(url, options as RequestOptions, async (response) => {
        let text = ''
        for await (const chunk of response.setEncoding('utf8')) text += chunk
        for (const line of response.headers['set-cookie'] ?? []) {
          const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? []
          const path = /;\s*path=([^;]*)/i.exec(line)?.[1] ?? '/'
          if (value === '') jar.delete(name)
          else jar.set(name, { value, path })
        }
        const page = { url, status: response.statusCode ?? 0, headers: response.headers, text }
        seen.push(page)
        resolve(page)
      })
        .on('error', reject)
        .end(form?.toString())
    })
  const load: Browsing['load'] = async (address, form) => {
    if (!reload) return loadOnce(address, form)
    try {
      return await loadOnce(address, form)
    } catch {
      await reload()
      return loadOnce(address, form)
    }
  }

  return {
    load,
    async follow(start, end = 'nowhere:', answer = 'yes') {
      let page = await load(start)
      for (let hop = 0; hop < MOST_HOPS; hop++) {
        const { location } = page.headers
        const next = typeof location === 'string' ? location : refreshOf(page.text)
        const form = next === undefined ? consentOf(page.text, answer) : undefined
        if (next === undefined && !form) return page
        const url = new URL(next ?? form?.action ?? '', page.url)
        if (url.href.startsWith(end)) return { url, status: 0, headers: {}, text: '' }
        page = await load(url, form?.fields)
      }
      throw new Error(`It goes on and on, at last to ${page.url}`)
    },
  }
}

const plain = (text: string) =>
  text.replace(/&#(\d+);/g, (_, code) => String.fromCodePoint(Number(code))).replaceAll('&amp;', '&')

/** A page that goes on by itself. */
function refreshOf(text: string): string | undefined {
  const content = /<meta http-equiv="refresh" content="([^"]*)"/i.exec(text)?.[1]
  const target = content === undefined ? undefined : /^\s*\d+\s*;\s*url=(.*)$/i.exec(content)?.[1]
  return target === undefined ? undefined : plain(target).replace(/^'(.*)'$/, '$1')
}

/** The form of a consent page, with what pressing that button sends. */
function consentOf(text: string, answer: string): { action: string; fields: URLSearchParams } | undefined {
  const [, attributes = '', inside = ''] = /<form([^>]*)>(.*?)<\/form>/s.exec(text) ?? []
  const buttons = [...inside.matchAll(/<button[^>]*>/g)].map(([tag]) => tag)
  const pressed = buttons.find((tag) => valueIn(tag).startsWith(answer))
  if (!pressed) return undefined
  const fields = new URLSearchParams()
  for (const [tag] of inside.matchAll(/<input[^>]*>/g)) fields.set(nameOf(tag), valueIn(tag))
  fields.set(nameOf(pressed), valueIn(pressed))
  return { action: plain(/ action="([^"]*)"/.exec(attributes)?.[1] ?? ''), fields }
}

const nameOf = (tag: string) => plain(/ name="([^"]*)"/.exec(tag)?.[1] ?? '')
const valueIn = (tag: string) => plain(/ value="([^"]*)"/.exec(tag)?.[1] ?? '')
