// Whether a form was sent by a page of ours, and what a browser says about a request (Fetch Metadata, Fetch section 3.2)
import type { IncomingMessage } from 'node:http'
import { readBodyWithin } from '../http/body.ts'

/** More than any form of ours has, in bytes. */
const MOST = 16 * 1024

/** By Origin, which browsers send with every form, and by Fetch Metadata where there is any. */
export function isFromOurPage({ headers }: IncomingMessage, publicUrl: string): boolean {
  const { origin } = headers
  const site = headers['sec-fetch-site']
  return origin === new URL(publicUrl).origin && (site === undefined || site === 'same-origin')
}

/** Loaded before anybody has asked for it: nobody sees the page. */
export const isAhead = ({ headers }: IncomingMessage): boolean =>
  [headers['sec-purpose'], headers.purpose, headers['x-moz'], headers['x-purpose']].some((value) =>
    /prefetch|preview|prerender/i.test(String(value ?? '')),
  )

/** A person typed or chose the address, or came from a page of ours. A program that says nothing is not a page of others. */
export const isOwnNavigation = ({ headers }: IncomingMessage): boolean =>
  ['none', 'same-origin', undefined].includes(headers['sec-fetch-site'] as string | undefined)

/** undefined: no form, or one that is too long. */
export async function readForm(request: IncomingMessage): Promise<URLSearchParams | undefined> {
  if (!/^application\/x-www-form-urlencoded\b/i.test(request.headers['content-type'] ?? '')) return undefined
  const body = await readBodyWithin(request, MOST)
  return body && new URLSearchParams(Buffer.from(body).toString('utf8'))
}
