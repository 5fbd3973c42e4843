// An HttpClient whose servers are functions, and the responses they give.
import type { HttpClient, HttpRequest, HttpResponse } from '../../src/ports.ts'

export type Body = string | Uint8Array | readonly (string | Uint8Array)[] | AsyncIterable<Uint8Array>

export interface FakeResponse extends HttpResponse {
  readonly discarded: boolean
}

export function respond(status: number, headers: HttpResponse['headers'] = {}, body: Body = ''): FakeResponse {
  let discarded = false
  return {
    status,
    headers,
    body: toChunks(body),
    discard() {
      discarded = true
    },
    get discarded() {
      return discarded
    },
  }
}

export function json(value: unknown, status = 200, headers: HttpResponse['headers'] = {}): FakeResponse {
  return respond(status, { 'content-type': 'application/json', ...headers }, JSON.stringify(value))
}

/** An event stream that brings these messages, and that the server leaves open. */
export function leftOpen(values: readonly unknown[], headers: HttpResponse['headers'] = {}): FakeResponse {
  async function* body() {
    for (const value of values) yield Buffer.from(`data: ${JSON.stringify(value)}\n\n`)
    await new Promise(() => undefined)
  }
  return respond(200, { 'content-type': 'text/event-stream', ...headers }, body())
}

export async function* toChunks(body: Body): AsyncGenerator<Uint8Array> {
  if (typeof body === 'string' || body instanceof Uint8Array) {
    if (body.length > 0) yield Buffer.from(body)
  } else if (Symbol.asyncIterator in body) yield* body
  else for (const part of body) yield Buffer.from(part)
}

export type Site = (request: HttpRequest) => HttpResponse | Promise<HttpResponse>

export interface FakeHttp extends HttpClient {
  readonly requests: readonly HttpRequest[]
  /** URLs asked for, in order. */
  readonly urls: readonly string[]
}

/** `sites`: URL without query → what answers there; any other URL is answered 404. */
export function createFakeHttp(sites: Readonly<Record<string, Site>>): FakeHttp {
  const requests: HttpRequest[] = []
  return {
    requests,
    get urls() {
      return requests.map(({ url }) => url.href)
    },
    async request(request) {
      requests.push(request)
      const site = sites[request.url.href] ?? sites[request.url.origin + request.url.pathname]
      return site ? await site(request) : respond(404)
    },
    close: async () => undefined,
  }
}
