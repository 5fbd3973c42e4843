// The whole time of an exchange on the login path.
import { expect, test } from 'vitest'
import { headOf, withinTime } from '../../../../src/auth/discovery/deadline.ts'
import { fetchJson } from '../../../../src/auth/discovery/fetchJson.ts'
import { fetchThrough } from '../../../../src/auth/oauth/fetch.ts'
import { BridgeError } from '../../../../src/errors.ts'
import { createFakeHttp, respond } from '../../../fakes/fakeHttp.ts'
import { codeOf } from '../../../fakes/thrown.ts'

const PLACE = 'https://as.example/token'

/** A byte now and then, for ever: never silent, never whole. */
async function* trickle() {
  for (;;) {
    yield Buffer.from(' ')
    await new Promise((resolve) => setImmediate(resolve))
  }
}
const http = createFakeHttp({ [PLACE]: () => respond(200, { 'content-type': 'application/json' }, trickle()) })
const late = () => new BridgeError('server_timeout')

test('an answer that trickles without end is given up, however it is read', async () => {
  const post = fetchThrough(http, 60_000, { wholeMs: 20 })(PLACE, { method: 'POST', body: 'grant_type=x' })
  expect(await codeOf(post)).toBe('authorization_server_unreachable')
  expect(await codeOf(fetchJson(http, new URL(PLACE), {}, 20))).toBe('authorization_server_unreachable')
})

test('headers that never arrive are given up, and the request is aborted', async () => {
  let signal: AbortSignal | undefined
  const silent = createFakeHttp({
    [PLACE]: (request) => {
      signal = request.signal
      return new Promise(() => undefined)
    },
  })
  const asked = headOf(silent, { method: 'GET', url: new URL(PLACE), headers: {}, idleMs: 0 }, 20, late)
  expect(await codeOf(asked)).toBe('server_timeout')
  expect(signal?.aborted).toBe(true)
})

test('the caller may end it earlier, with its own reason', async () => {
  const outer = new AbortController()
  const work = withinTime(60_000, late, () => new Promise(() => undefined), outer.signal)
  outer.abort(new BridgeError('cancelled'))
  expect(await codeOf(work)).toBe('cancelled')
  const over = withinTime(60_000, late, () => new Promise(() => undefined), outer.signal)
  expect(await codeOf(over)).toBe('cancelled')
})

test('what is done in time is returned unchanged, and so is its failure', async () => {
  expect(await withinTime(60_000, late, async () => 7)).toBe(7)
  const failing = withinTime(60_000, late, () => Promise.reject(new BridgeError('tls_failed')))
  expect(await codeOf(failing)).toBe('tls_failed')
})
