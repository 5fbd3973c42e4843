// The cookies of a sign-in: what binds a flow to the browser that began it, each for one flow and one path
import { timingSafeEqual } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { sha256 } from '../../sha256.ts'

export interface CookiePlace {
  /** Undefined: the whole origin, by the prefix __Host- that no other host can write (RFC 6265bis section 4.1.3.2). */
  readonly path?: string
}

export interface Cookies {
  read(request: IncomingMessage, name: string, place?: CookiePlace): string | undefined
  /** `seconds`: its life; 0 deletes it. Values of the cookie-octets of RFC 6265 section 4.1.1. */
  set(response: ServerResponse, cookie: { name: string; value: string; seconds: number }, place?: CookiePlace): void
}

/** `publicUrl`: not every browser takes `Secure` from http, and loopback is the only http there is: no prefix and no Secure there. */
export function createCookies(publicUrl: string): Cookies {
  const isHttps = publicUrl.startsWith('https:')
  const fullName = (name: string, { path }: CookiePlace) =>
    `${isHttps ? (path === undefined ? '__Host-' : '__Secure-') : ''}${name}`
  return {
    read: (request, name, place = {}) => cookieIn(request.headers.cookie, fullName(name, place)),
    set(response, { name, value, seconds }, place = {}) {
      const words = [
        `${fullName(name, place)}=${value}`,
        `Path=${place.path ?? '/'}`,
        `Max-Age=${seconds}`,
        'HttpOnly',
        ...(isHttps ? ['Secure'] : []),
        'SameSite=Lax',
      ]
      response.appendHeader('set-cookie', words.join('; '))
    },
  }
}

function cookieIn(header: string | undefined, name: string): string | undefined {
  for (const pair of header?.split(';') ?? []) {
    const [found, ...value] = pair.split('=')
    if (found?.trim() === name) return value.join('=').trim()
  }
  return undefined
}

/** Without telling by the time it takes where they differ. */
export function isSame(a: string, b: string): boolean {
  const [one, other] = [Buffer.from(sha256(a)), Buffer.from(sha256(b))]
  return timingSafeEqual(one, other)
}
