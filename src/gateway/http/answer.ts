// What the gateway answers by itself: JSON, errors in the shape of OAuth (RFC 6749 section 5.2), pages
import type { ServerResponse } from 'node:http'

/** Of every answer, unless its handler says otherwise: not cached, not framed, not guessed at, and no address goes on to other sites. */
export const securityHeaders: Readonly<Record<string, string>> = {
  'Cache-Control': 'no-store',
  'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'",
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
}

type Headers = Readonly<Record<string, string | readonly string[]>>

export function sendJson(response: ServerResponse, status: number, body: unknown, headers: Headers = {}): void {
  send(response, status, JSON.stringify(body), { 'Content-Type': 'application/json', ...headers })
}

/** `description`: for a person; nothing from inside, and text from outside only quoted. */
export function sendError(
  response: ServerResponse,
  status: number,
  { error, description }: { readonly error: string; readonly description: string },
  headers: Headers = {},
): void {
  sendJson(response, status, { error, error_description: description }, headers)
}

/** One line of text: what a person with curl reads. */
export function sendText(response: ServerResponse, status: number, text: string, headers: Headers = {}): void {
  send(response, status, `${text}\n`, { 'Content-Type': 'text/plain; charset=utf-8', ...headers })
}

export interface PageRules {
  /** Sources of its styles, such as `'sha256-…'`. */
  readonly styles?: readonly string[]
  /** Whether it holds a form, which goes to the gateway itself. */
  readonly form?: boolean
}

/** `html`: a whole document, in which text from outside has been escaped. */
export function sendPage(
  response: ServerResponse,
  status: number,
  html: string,
  { styles = [], form = false }: PageRules = {},
  headers: Headers = {},
): void {
  const policy = [
    "default-src 'none'",
    ...(styles.length > 0 ? [`style-src ${styles.join(' ')}`] : []),
    "base-uri 'none'",
    `form-action ${form ? "'self'" : "'none'"}`,
    "frame-ancestors 'none'",
  ]
  send(response, status, html, {
    ...securityHeaders,
    'Content-Type': 'text/html; charset=utf-8',
    'Content-Security-Policy': policy.join('; '),
    // Under no-referrer a browser sends a form with `Origin: null` (Fetch, "append a request Origin header").
    'Referrer-Policy': form ? 'same-origin' : 'no-referrer',
    ...headers,
  })
}

/** See other (RFC 9110 section 15.4.4): the browser goes there with GET. */
export function sendRedirect(response: ServerResponse, location: string, headers: Headers = {}): void {
  send(response, 303, '', { Location: location, ...headers })
}

function send(response: ServerResponse, status: number, text: string, headers: Headers): void {
  // Not by writeHead: what was set before, such as CORS headers, stays.
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value)
  response.statusCode = status
  response.setHeader('Content-Length', Buffer.byteLength(text))
  response.end(text)
}
