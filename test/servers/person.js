#!/usr/bin/env node
// Stands in for a person with a browser: opened with one URL, it follows redirects with cookies until the end.
// PERSON_LOG: a file that gets one line a tab. PERSON=absent: the tab is opened and nothing is done in it.
// PERSON=clicks: where a page has a form, its last button is pressed. PERSON=consents: its first button, and pages that go on by themselves do.
// PERSON_ELSEWHERE=ADDRESS: a browser on another machine, which cannot load that address; where it ends is printed.
import { appendFileSync } from 'node:fs'
import { request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'

const [url = '', ...more] = process.argv.slice(2)
if (process.env.PERSON_LOG) appendFileSync(process.env.PERSON_LOG, `${JSON.stringify([url, ...more])}\n`)
if (process.env.PERSON !== 'absent') await follow(url)

async function follow(/** @type {string} */ start) {
  /** @type {Map<string, Map<string, string>>} */
  const jars = new Map()
  let next = new URL(start)
  /** @type {URLSearchParams | undefined} */
  let sent
  for (let hop = 0; hop < 20; hop++) {
    const jar = jars.get(next.host) ?? new Map()
    jars.set(next.host, jar)
    const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join('; ')
    const response = await load(next, cookie, sent)
    for (const line of response.headers['set-cookie'] ?? []) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(line) ?? []
      if (name !== undefined) jar.set(name, value ?? '')
    }
    const location = response.headers.location
    const onward = location ?? refreshOf(response.page)
    const form = onward === undefined ? formOf(response.page) : undefined
    if (onward === undefined && form === undefined) return
    next = new URL(onward ?? form?.action ?? '', next)
    sent = form?.fields
    if (process.env.PERSON_ELSEWHERE && next.href.startsWith(process.env.PERSON_ELSEWHERE)) {
      process.stdout.write(`${next.href}\n`)
      return
    }
  }
}

/**
 * One page as a browser asks for it: servers tell by these headers whether they answer a person.
 * @param {URL} url
 * @param {string} cookie
 * @param {URLSearchParams | undefined} form what is posted
 * @returns {Promise<{ headers: import('node:http').IncomingHttpHeaders, page: string }>}
 */
function load(url, cookie, form) {
  const headers = {
    accept: 'text/html,application/xhtml+xml',
    'sec-fetch-mode': 'navigate',
    ...(cookie ? { cookie } : {}),
    ...(form ? { 'content-type': 'application/x-www-form-urlencoded', origin: url.origin } : {}),
  }
  const request = url.protocol === 'https:' ? requestHttps : requestHttp
  return new Promise((resolve, reject) => {
    request(url, { method: form ? 'POST' : 'GET', headers }, async (response) => {
      let page = ''
      for await (const chunk of response.setEncoding('utf8')) page += chunk
      resolve({ headers: response.headers, page })
    })
      .on('error', reject)
      .end(form?.toString())
  })
}

/** Where a page goes by itself. */
function refreshOf(/** @type {string} */ page) {
  const target = /<meta http-equiv="refresh" content="\d+;url=([^"]*)"/.exec(page)?.[1]
  return process.env.PERSON === 'consents' && target !== undefined ? plain(target) : undefined
}

/** The form of a page, with what pressing its last button sends, or its first where the person consents. */
function formOf(/** @type {string} */ page) {
  const [, action, inside = ''] = /<form[^>]* action="([^"]*)"[^>]*>(.*?)<\/form>/s.exec(page) ?? []
  const isFirst = process.env.PERSON === 'consents'
  if ((process.env.PERSON !== 'clicks' && !isFirst) || action === undefined) return undefined
  const fields = new URLSearchParams()
  for (const [tag] of inside.matchAll(/<(?:input|button)[^>]*>/g)) {
    const name = / name="([^"]*)"/.exec(tag)?.[1]
    if (name !== undefined && !(isFirst && fields.has(name))) fields.set(name, / value="([^"]*)"/.exec(tag)?.[1] ?? '')
  }
  return { action: plain(action), fields }
}

/** Without its character references. */
function plain(/** @type {string} */ text) {
  return text.replace(/&#(\d+);/g, (_, code) => String.fromCodePoint(Number(code))).replaceAll('&amp;', '&')
}
