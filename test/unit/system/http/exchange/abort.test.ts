// A request that is ended from outside, by a signal or by the handle that it gave out: what throws then is the reason.
import type { Dispatcher } from 'undici'
import { expect, onTestFinished, test } from 'vitest'
import type { HttpRequest, HttpResponse } from '../../../../../src/ports.ts'
import type { Transmission } from '../../../../../src/records.ts'
import { createHttp } from '../../../../../src/system/http/client.ts'
import type { Route } from '../../../../../src/system/http/connections.ts'
import { dispatch } from '../../../../../src/system/http/exchange/dispatch.ts'
import { startLoopbackServer } from '../../../../servers/loopbackServer.ts'

/** A server that never ends its answer, or never begins one. */
async function slowServer(where: 'headers' | 'body') {
  let arrived: () => void = () => undefined
  const isThere = new Promise<void>((resolve) => {
    arrived = resolve
  })
  const server = await startLoopbackServer(async (_, response) => {
    if (where === 'body') response.writeHead(200).write('some ')
    arrived()
    await new Promise((resolve) => response.once('close', resolve))
  })
  const http = createHttp({ connectTimeoutMs: 10_000 })
  onTestFinished(async () => {
    await http.close()
    await server.close()
  })
  const ask = (how: Pick<HttpRequest, 'signal' | 'transmission'>) =>
    http.request({ method: 'POST', url: new URL(server.origin), headers: {}, idleMs: 0, ...how })
  return { ask, isThere }
}

async function readAll({ body }: HttpResponse): Promise<void> {
  for await (const _ of body);
}

const reason = new Error('nobody waits for it')

test('ends with the reason before its answer', async () => {
  const { ask, isThere } = await slowServer('headers')
  const transmission: Transmission = { sent: false }
  const answer = ask({ transmission })
  await isThere
  transmission.abort?.(reason)
  await expect(answer).rejects.toBe(reason)
  expect(transmission.abort).toBeUndefined()
})

test('ends with the reason in the middle of its answer', async () => {
  const { ask } = await slowServer('body')
  const transmission: Transmission = { sent: false }
  const answer = await ask({ transmission })
  transmission.abort?.(reason)
  await expect(readAll(answer)).rejects.toBe(reason)
})

test('ends with the reason before there is a connection', async () => {
  const { ask } = await slowServer('body')
  const transmission: Transmission = { sent: false }
  const answer = ask({ transmission })
  transmission.abort?.(reason)
  await expect(answer).rejects.toBe(reason)
})

test('ends with the reason of its signal, where the handle names none', async () => {
  const { ask, isThere } = await slowServer('headers')
  const transmission: Transmission = { sent: false }
  const over = new AbortController()
  const answer = ask({ transmission, signal: over.signal })
  await isThere
  over.abort(reason)
  transmission.abort?.()
  await expect(answer).rejects.toBe(reason)
})

test('the end of a redirect whose body comes late does not take the handle from the request that it led to', async () => {
  const handlers: Dispatcher.DispatchHandler[] = []
  const pool = { dispatch: (_: unknown, handler: Dispatcher.DispatchHandler) => handlers.push(handler) }
  const url = new URL('http://127.0.0.1/mcp')
  const transmission: Transmission = { sent: false }
  const request = { method: 'GET', url, headers: {}, idleMs: 0, transmission } as const
  const send = () => dispatch({ pool, path: '/mcp' } as unknown as Route, url, request)
  const aborted: unknown[] = []
  const flow = { abort: (why: unknown) => aborted.push(why) } as unknown as Dispatcher.DispatchController
  const begin = (handler?: Dispatcher.DispatchHandler) => {
    handler?.onRequestStart?.(flow, {})
    handler?.onResponseStart?.(flow, 200, {})
  }

  const first = send()
  begin(handlers[0])
  await first
  const second = send()
  begin(handlers[1])
  await second
  handlers[0]?.onResponseEnd?.(flow, {})
  transmission.abort?.(reason)
  expect(aborted).toEqual([reason])
})
