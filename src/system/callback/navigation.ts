// Distinguishes a person's navigation from requests of a page, a preview or a prefetch (Fetch Metadata, Fetch section 3.2).
import type { IncomingHttpHeaders } from 'node:http'

/**
 * The redirect of a sign-in is a top-level navigation, mostly from another site. Browsers that send no Fetch Metadata and
 * programs such as curl pass: what they bring still needs the state.
 */
export function isNavigation(headers: IncomingHttpHeaders): boolean {
  const ahead = [headers['sec-purpose'], headers.purpose, headers['x-moz'], headers['x-purpose']]
  if (ahead.some((value) => /prefetch|preview|prerender/i.test(String(value ?? '')))) return false
  // A browser sends all of them; a program that only sends a mode, such as Node's fetch, is not a page.
  if (headers['sec-fetch-site'] !== undefined)
    return headers['sec-fetch-mode'] === 'navigate' && headers['sec-fetch-dest'] === 'document'
  // A page's own requests name it. Some browsers send null with a navigation that began as a form.
  return headers.origin === undefined || headers.origin === 'null'
}
