// A request that is ended from outside, by a signal or by the handle that it gave out: what throws then is the reason.
import { expect, onTestFinished, test } from 'vitest'
import type { HttpRequest, HttpResponse } from '../../../../../src/ports.ts'
import type { Transmission } from '../../../../../src/records.ts'
import { createHttp } from '../../../../../src/system/http/client.ts'
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
