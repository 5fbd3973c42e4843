// A stream that stands open ends when the sign-in it was opened with is over; a refused new token is told of.
import { expect, onTestFinished, test, vi } from 'vitest'
import { createSend } from '../../../../src/bridge/http/send.ts'
import type { Authorizer, HttpResponse } from '../../../../src/ports.ts'
import { createFakeClock } from '../../../fakes/fakeClock.ts'
import { createFakeHttp, respond } from '../../../fakes/fakeHttp.ts'
import { settled } from '../../../fakes/gate.ts'
import { codeOf } from '../../../fakes/thrown.ts'

const URL_OF_SERVER = 'https://mcp.example/mcp'

function setUp(answer: () => HttpResponse = () => respond(200)) {
  const clock = createFakeClock()
  const http = createFakeHttp({ [URL_OF_SERVER]: answer })
  const refused: unknown[] = []
  let headers: Readonly<Record<string, string>> = { authorization: 'Bearer one' }
  const over = new Set<unknown>()
  const authorizer: Authorizer = {
    headers: () => headers,
    onNonce: async () => undefined,
    onChallenge: async () => undefined,
    onRefused: async (given) => void refused.push(given.authorization),
    outlived: async (given) => over.has(given),
  }
  const send = createSend(http, authorizer, new URL(URL_OF_SERVER), 60_000, clock)
  const next = (name: string, fate: 'over' | 'goes on') => {
    if (fate === 'over') over.add(headers)
    headers = { authorization: `Bearer ${name}` }
  }
  const post = async () => {
    await send({ method: 'POST', headers: {} }, 'call')
    await settled()
  }
  let ended = 0
  const why: string[] = []
  const whenOutlived = (reason: string) => {
    ended++
    why.push(reason)
  }
  const listen = () => send({ method: 'GET', headers: {}, whenOutlived }, 'background')
  return { send, next, post, listen, refused, clock, why, ended: () => ended }
}

test('a stream ends with the first message of another sign-in, once', async () => {
  const { next, post, listen, ended } = setUp()
  await listen()
  await post()
  expect(ended()).toBe(0)
  next('two', 'over')
  await post()
  await post()
  expect(ended()).toBe(1)
})

test('a stream ends with the first message after a sleep of the machine, once, and the next one is watched as well', async () => {
  const { post, listen, clock, why } = setUp()
  clock.doze(60_000)
  await listen()
  await post()
  expect(why).toEqual([])
  for (const times of [1, 2]) {
    clock.doze(60_000)
    await post()
    await post()
    expect(why).toHaveLength(times)
    await listen()
  }
  expect(why).toEqual(['slept', 'slept'])
})

test('a sleep of the machine is seen without any message', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
  onTestFinished(() => void vi.useRealTimers())
  const { listen, clock, why } = setUp()
  await listen()
  vi.advanceTimersByTime(5_000)
  expect(why).toEqual([])
  clock.doze(60_000)
  vi.advanceTimersByTime(5_000)
  expect(why).toEqual(['slept'])
})

test('a refresh keeps the stream open', async () => {
  const { next, post, listen, ended } = setUp()
  await listen()
  next('refreshed', 'goes on')
  await post()
  expect(ended()).toBe(0)
})

test('the next stream is watched as well', async () => {
  const { next, post, listen, ended } = setUp()
  for (const name of ['two', 'three']) {
    await listen()
    next(name, 'over')
    await post()
  }
  expect(ended()).toBe(2)
})

test('a token that is refused after it was obtained is reported, and only then', async () => {
  const { send, refused } = setUp(() => respond(401))
  expect(await codeOf(send({ method: 'POST', headers: {} }, 'call'))).toBe('unauthorized')
  expect(refused).toEqual(['Bearer one'])
})
