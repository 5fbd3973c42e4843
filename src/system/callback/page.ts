// The page that a person sees when the browser returns: self-contained, light and dark, without external resources.
import { createHash } from 'node:crypto'
import type { CallbackPage } from '../../records.ts'
import { shownUrl } from '../../redaction/shownUrl.ts'
import { withoutControls } from '../../redaction/text.ts'

const STYLE = `
:root { color-scheme: light dark; --ink: #1d2430; --soft: #5b6676; --paper: #f6f7f9; --card: #ffffff; --line: #e3e7ec; --good: #1a7f4b; --bad: #b3382c }
@media (prefers-color-scheme: dark) { :root { --ink: #e8ebf0; --soft: #9aa5b4; --paper: #14181e; --card: #1c222b; --line: #2b333f; --good: #4cc38a; --bad: #f2796b } }
* { box-sizing: border-box; margin: 0 }
body { min-height: 100vh; display: grid; place-items: center; padding: 1.5rem; background: var(--paper); color: var(--ink); font: 1rem/1.55 system-ui, sans-serif }
main { width: 100%; max-width: 30rem; padding: 2.25rem; background: var(--card); border: 1px solid var(--line); border-radius: .9rem }
.mark { width: 2.75rem; height: 2.75rem; display: grid; place-items: center; border-radius: 50%; border: 2px solid currentColor; font-size: 1.35rem; line-height: 1 }
.done { color: var(--good) } .failed { color: var(--bad) }
h1 { margin: 1.1rem 0 .5rem; font-size: 1.4rem; line-height: 1.25 }
p + p { margin-top: .75rem } .soft { color: var(--soft) }
p, code { overflow-wrap: anywhere }
code { padding: .1em .35em; background: var(--paper); border: 1px solid var(--line); border-radius: .35em; font-size: .9em }
`

/** Removes code and state from the address bar and the tab's history. A redirect would need a listener that continues. */
const SCRIPT = "history.replaceState(null, '', location.pathname)"

const hash = (text: string) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`
const POLICY = [
  "default-src 'none'",
  `style-src ${hash(STYLE)}`,
  `script-src ${hash(SCRIPT)}`,
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

/** Every page that is shown; the other is a redirect. */
export type Shown = Exclude<CallbackPage, { kind: 'again' }>

export function renderPage(page: Shown): { html: string; policy: string } {
  const { title, mark, tone, paragraphs } = contents(page)
  const html = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>${escapeHtml(title)} · mcp-oauth-bridge</title>
<style>${STYLE}</style>
<script>${SCRIPT}</script>
</head>
<body>
<main>
<div class="mark ${tone}" aria-hidden="true">${mark}</div>
<h1>${escapeHtml(title)}</h1>
${paragraphs.join('\n')}
</main>
</body>
</html>
`
  return { html, policy: POLICY }
}

interface Contents {
  readonly title: string
  readonly mark: string
  readonly tone: 'done' | 'failed'
  readonly paragraphs: readonly string[]
}

function contents(page: Shown): Contents {
  if (page.kind === 'done') {
    const paragraphs = [
      `<p>Your sign-in to <code>${escapeHtml(shownUrl(page.server))}</code> is stored on this computer.</p>`,
      '<p class="soft">You can close this tab and go back to your application.</p>',
    ]
    return { title: 'You are signed in', mark: '✓', tone: 'done', paragraphs }
  }
  if (page.kind === 'invalid_state') {
    const paragraphs = [
      '<p>This link does not match a pending sign-in: it was used before, has expired, or was not started on this computer.</p>',
      '<p class="soft">If a sign-in is still pending, use its newest browser tab. Otherwise start again from your application.</p>',
    ]
    return { title: 'Invalid state', mark: '!', tone: 'failed', paragraphs }
  }
  const paragraphs = [
    `<p>${escapeHtml(page.message)}</p>`,
    `<p>${escapeHtml(page.hint)}</p>`,
    `<p class="soft">Error <code>${escapeHtml(page.code)}</code>. Nothing was stored; you can close this tab.</p>`,
  ]
  return { title: 'Sign-in failed', mark: '✕', tone: 'failed', paragraphs }
}

/** Text from a server may contain markup, and controls that change the writing direction. */
const escapeHtml = (text: string) => withoutControls(text).replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`)
