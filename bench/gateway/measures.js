// What is measured of each contender: the message path, memory of idle streams, refreshes, sign-ins, and the start of a gateway.
import { setTimeout as pause } from 'node:timers/promises'
import { cpuMsOf } from '../peers.js'
import { rssOf } from './contenders.js'

/**
 * @typedef {import('./contenders.js').Contender} Contender
 * @typedef {(order: import('./load.js').Order) => Promise<any>} Load
 * @typedef {Record<string, number | undefined>} Figures by the title of the row
 */

const IN_FLIGHT = 64
/** Refreshes at the same time, each of a sign-in of its own. */
const SITTINGS = 16

/** @param {Load} load @param {Contender} contender @param {{ calls: number }} size @returns {Promise<Figures>} */
export async function messagePath(load, { url, bearer, pid, tools }, { calls }) {
  /** @type {Figures} */
  const figures = {}
  const order = { kind: /** @type {const} */ ('calls'), url, bearer }
  const answers = (/** @type {'json' | 'sse' | 'clock' | 'big'} */ tool) => tools?.includes(tool) ?? true
  for (const tool of /** @type {const} */ (['json', 'sse'])) {
    if (!answers(tool)) continue
    const name = tool.toUpperCase()
    const before = cpuMsOf(pid)
    figures[`${name}: calls/s, ${IN_FLIGHT} in flight`] = (
      await load({ ...order, tool, calls, inFlight: IN_FLIGHT })
    ).perSecond
    const after = cpuMsOf(pid)
    figures[`${name}: CPU a call, ms`] =
      before === undefined || after === undefined ? undefined : (after - before) / calls
    figures[`${name}: p50 of one at a time, ms`] = (await load({ ...order, tool, calls: calls / 8, inFlight: 1 })).p50
  }
  if (answers('clock'))
    figures['event, server → client, ms'] = (
      await load({ ...order, tool: 'clock', calls: calls / 40, inFlight: 1 })
    ).p50
  if (answers('big')) figures['5 MB answer, ms'] = (await load({ ...order, tool: 'big', calls: 8, inFlight: 1 })).p50
  return figures
}

/** Once for each process: what a heap has taken it keeps. @param {Load} load @param {Contender} contender @param {number} streams @returns {Promise<Figures>} */
export async function idleStreams(load, { url, bearer, pid, tools }, streams) {
  // It takes no streams, where it does not stream.
  if (tools && !tools.includes('sse')) return {}
  // What a process takes for its first requests is not that of the streams.
  await load({ kind: 'calls', url, bearer, tool: 'json', calls: 2000, inFlight: IN_FLIGHT })
  await pause(500)
  const before = rssOf(pid)
  await load({ kind: 'streams', url, bearer, streams })
  await pause(1000)
  const after = rssOf(pid)
  await load({ kind: 'hangUp' })
  const each = before === undefined || after === undefined ? undefined : ((after - before) * 1024) / streams
  return { [`memory of an idle stream at ${streams}, KB`]: each }
}

/** @param {Contender} contender @param {number} count @returns {Promise<{ sittings: import('./load.js').Sitting[], figures: Figures }>} */
async function signIns({ grants, pid }, count) {
  if (!grants) return { sittings: [], figures: {} }
  /** @type {import('./load.js').Sitting[]} */
  const sittings = []
  const before = cpuMsOf(pid)
  const begun = performance.now()
  let left = count
  const one = async () => {
    while (left-- > 0) {
      const { clientId, clientSecret, refreshToken } = await grants.signIn()
      sittings.push({ clientId, ...(clientSecret && { clientSecret }), refreshToken })
    }
  }
  await Promise.all([one(), one(), one(), one()])
  const seconds = (performance.now() - begun) / 1000
  const after = cpuMsOf(pid)
  const cpu = before === undefined || after === undefined ? undefined : (after - before) / 1000
  return {
    sittings,
    figures: {
      'sign-ins/s of the CPU of the gateway': cpu && count / cpu,
      'sign-ins/s, with provider and browser in one process': count / seconds,
    },
  }
}

/** A consent, a sign-in at the provider and a code for each; then their refresh tokens are spent again and again. @param {Load} load @param {Contender} contender @param {{ rounds: number, signIns: number }} size */
export async function grants(load, contender, size) {
  if (!contender.grants) return {}
  const { tokenUrl, resource } = contender.grants
  const { sittings, figures } = await signIns(contender, size.signIns)
  const order = { kind: /** @type {const} */ ('refreshes'), tokenUrl, resource }
  const warm = await load({ ...order, sittings: sittings.slice(0, SITTINGS), rounds: 5 })
  const before = cpuMsOf(contender.pid)
  const { perSecond, p50 } = await load({ ...order, sittings: warm.sittings, rounds: size.rounds })
  const after = cpuMsOf(contender.pid)
  const count = size.rounds * SITTINGS
  return {
    ...figures,
    [`refreshes/s, ${SITTINGS} in flight`]: perSecond,
    'refresh: p50, ms': p50,
    'refresh: CPU, ms': before === undefined || after === undefined ? undefined : (after - before) / count,
  }
}

/** Another process, on the same database where it has one, which ends again. @param {Contender} contender @returns {Promise<Figures>} */
export async function start(contender) {
  if (!contender.start) return {}
  const begun = performance.now()
  const { pid, kill } = await contender.start()
  const ms = performance.now() - begun
  await pause(300)
  const rss = rssOf(pid)
  await kill()
  return { 'start to ready, ms': ms, 'RSS at the start, MB': rss }
}
