// The page in the browser: no foreign word becomes markup, and its policy fits its style.
import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { ERRORS, type ErrorCode } from '../../../../src/errors.ts'
import { renderPage, type Shown } from '../../../../src/system/callback/page.ts'

const EVIL = `<script>alert(1)</script>"'&<img src=x onerror=y>`
const PAGES: readonly Shown[] = [
  { kind: 'done', server: EVIL },
  { kind: 'failed', code: EVIL, message: EVIL, hint: EVIL },
  { kind: 'invalid_state' },
]

describe.each(PAGES)('the page "$kind"', (page) => {
  const { html, policy } = renderPage(page)

  test('has a policy that allows its own style and script and nothing else', () => {
    const hashOf = (tag: string) => {
      const text = new RegExp(`<${tag}>([\\s\\S]*?)</${tag}>`).exec(html)?.[1] ?? ''
      expect(text.length).toBeGreaterThan(20)
      return createHash('sha256').update(text).digest('base64')
    }
    expect(policy.split('; ')).toEqual([
      "default-src 'none'",
      `style-src 'sha256-${hashOf('style')}'`,
      `script-src 'sha256-${hashOf('script')}'`,
      "base-uri 'none'",
      "form-action 'none'",
      "frame-ancestors 'none'",
    ])
  })

  test('has one style, one script that removes the query from the address bar, and nothing external', () => {
    expect(html.match(/<style>/g)).toHaveLength(1)
    expect(html.match(/<script[^>]*>.*/g)).toEqual([
      "<script>history.replaceState(null, '', location.pathname)</script>",
    ])
    expect(html).not.toMatch(/<img|<link|<iframe|style="|\son\w+="|url\(|@import|https?:\/\//i)
  })

  test('is a document with language, charset and title', () => {
    expect(html).toMatch(/^<!doctype html>\n<html lang="en">/)
    expect(html).toContain('<meta charset="utf-8">')
    expect(html).toMatch(/<title>[^<]+ · mcp-oauth-bridge<\/title>/)
  })
})

describe('a text from outside', () => {
  test.each(PAGES.slice(0, 2))('in the page "$kind" is shown, not run', (page) => {
    const { html } = renderPage(page)
    const shown = html.replace(/&#(\d+);/g, (_, code: string) => String.fromCharCode(Number(code)))
    expect(html.split('</head>')[1]).not.toContain('<script>')
    expect(html).not.toContain('<img')
    expect(shown).toContain(EVIL)
  })

  test('has no escape sequences and nothing that hides text or changes its direction', () => {
    const said = 'all\u001b[31m good\u202egnp.exe\u200b\u2066\u061c\u{e0041}'
    const { html } = renderPage({ kind: 'failed', code: 'login_failed', message: said, hint: said })
    expect(html).toContain('all [31m good gnp.exe')
    expect(html.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}]/u)
  })
})

test.each(Object.keys(ERRORS) as ErrorCode[])('the failure %s shows message, hint and code', (code) => {
  const { message, hint } = ERRORS[code]
  const { html } = renderPage({ kind: 'failed', code, message, hint })
  const shown = html.replace(/&#(\d+);/g, (_, digits: string) => String.fromCharCode(Number(digits)))
  for (const word of [message, hint, code]) expect(shown).toContain(word)
})

test('the page shows no key of the server’s address', () => {
  for (const server of ['https://a.example/mcp?api_key=kt7Zq2Vw9Lx4Rb8Nf3', 'https://a.example/kt7Zq2Vw9Lx4Rb8Nf3/sse'])
    expect(renderPage({ kind: 'done', server }).html).not.toContain('kt7Zq2')
})
