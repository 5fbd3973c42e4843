// The frame of every page of the sign-in: self-contained, light and dark, without a script, and closed to frames and foreign forms
import { createHash } from 'node:crypto'
import type { ServerResponse } from 'node:http'
import { sendPage as sendHtml, sendRedirect } from '../http/answer.ts'
import { escapeHtml, shown } from './shown.ts'

const STYLE = `
:root { color-scheme: light dark; --ink: #1d2430; --soft: #5b6676; --paper: #f6f7f9; --card: #ffffff; --line: #e3e7ec; --good: #1a7f4b; --bad: #b3382c; --warn: #8a5a00; --warned: #fff6e0; --act: #1f5fbf; --on: #ffffff }
@media (prefers-color-scheme: dark) { :root { --ink: #e8ebf0; --soft: #9aa5b4; --paper: #14181e; --card: #1c222b; --line: #2b333f; --good: #4cc38a; --bad: #f2796b; --warn: #f0c36d; --warned: #2e2614; --act: #7fb0ff; --on: #10151c } }
* { box-sizing: border-box; margin: 0 }
body { min-height: 100vh; display: grid; place-items: center; padding: 1.25rem; background: var(--paper); color: var(--ink); font: 1rem/1.55 system-ui, sans-serif }
main { width: 100%; max-width: 32rem; padding: 2rem; background: var(--card); border: 1px solid var(--line); border-radius: .9rem }
.mark { width: 2.75rem; height: 2.75rem; margin-bottom: 1.1rem; display: grid; place-items: center; border-radius: 50%; border: 2px solid currentColor; font-size: 1.35rem; line-height: 1 }
.done { color: var(--good) } .failed { color: var(--bad) }
h1 { margin-bottom: .75rem; font-size: 1.4rem; line-height: 1.3 }
p + p, dl, form, .warning { margin-top: .9rem } .soft { color: var(--soft) }
h1, p, code, dd { overflow-wrap: anywhere }
dt { margin-top: .75rem; color: var(--soft); font-size: .9rem } dd { margin: 0 }
code { padding: .1em .35em; background: var(--paper); border: 1px solid var(--line); border-radius: .35em; font-size: .9em }
.warning { padding: .8rem 1rem; border: 1px solid var(--warn); border-radius: .6rem; background: var(--warned) }
.warning strong { color: var(--warn) }
a { color: var(--act) }
.note, .scopes { margin-top: .35rem; font-size: .85rem } .scopes { max-height: 7.5rem; overflow-y: auto }
.acts { display: grid; gap: .6rem; margin-top: 1.4rem }
button, .button { display: block; width: 100%; min-height: 2.75rem; padding: .6rem 1rem; border: 1px solid var(--act); border-radius: .6rem; background: var(--act); color: var(--on); font: inherit; font-weight: 600; text-align: center; text-decoration: none; cursor: pointer }
button.no { background: transparent; color: var(--ink); border-color: var(--line) }
:focus-visible { outline: 3px solid var(--act); outline-offset: 2px }
`

const STYLE_HASH = `'sha256-${createHash('sha256').update(STYLE).digest('base64')}'`

export interface Page {
  readonly title: string
  /** HTML of its body. */
  readonly body: string
  /** Where the browser goes by itself, at once. */
  readonly next?: string
}

export function sendPage(response: ServerResponse, status: number, { title, body, next }: Page): void {
  const refresh = next === undefined ? '' : `\n<meta http-equiv="refresh" content="0;url=${escapeHtml(next)}">`
  const html = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">${refresh}
<title>${escapeHtml(title)}</title>
<style>${STYLE}</style>
</head>
<body>
<main>
${body}
</main>
</body>
</html>
`
  sendHtml(response, status, html, { styles: [STYLE_HASH], form: true })
}

/** To a path of ours; no page is shown. */
export function redirect(response: ServerResponse, location: string): void {
  sendRedirect(response, location, { 'Cache-Control': 'no-store', 'Referrer-Policy': 'same-origin' })
}

/**
 * A page that goes on by itself. After a form it stands in place of a redirect: Chromium holds form-action against every address that
 * a redirect after a form leads to.
 */
export const goOnPage = (next: string, to: string): Page => ({
  title: 'One moment',
  next,
  body: `<h1>One moment</h1>
<p>You are being redirected to ${shown(to)}.</p>
<div class="acts"><a class="button" href="${escapeHtml(next)}" rel="noreferrer">Continue</a></div>`,
})

/** Goes on to an address of a private scheme: a program of the person takes it, and this page stays in the tab. */
export const backPage = (next: string, client: string | undefined): Page => ({
  title: 'Back to your application',
  next,
  body: `<h1>Back to ${client === undefined ? 'your application' : `<bdi>${shown(client)}</bdi>`}</h1>
<p>Your browser is opening the application. You can then close this tab.</p>`,
})

/** For the browser that began a sign-in of which nothing is left to do. */
export const overPage: Page = {
  title: 'This sign-in is over',
  body: `<h1>This sign-in is over</h1>
<p>It was completed, or has expired.</p>
<p class="soft">You can close this tab. If your application is not signed in, start again there.</p>`,
}

export const failedPage = (title: string, message: string, hint: string): Page => ({
  title,
  body: `<div class="mark failed" aria-hidden="true">!</div>
<h1>${escapeHtml(title)}</h1>
<p>${shown(message, 1_000)}</p>
<p class="soft">${shown(hint, 1_000)}</p>`,
})

/** For what cannot go on, and has no client that could be told. */
export function showProblem(
  response: ServerResponse,
  { title, text, advice }: { readonly title: string; readonly text: string; readonly advice: string },
): void {
  sendPage(response, 400, failedPage(title, text, advice))
}

export const signedInPage = (account: string | undefined): Page => ({
  title: 'You are signed in',
  body: `<div class="mark done" aria-hidden="true">✓</div>
<h1>You are signed in</h1>${account === undefined ? '' : `\n<p>You are signed in as <bdi>${shown(account)}</bdi>.</p>`}
<p class="soft">You can close this tab and go back to your application.</p>`,
})
