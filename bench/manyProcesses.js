// Fifty bridges at once on one machine: the time until all have answered, their memory, and their CPU use while idle.
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { startRelay } from './peers.js'
import { quantile } from './rounds.js'

/** How long work may go on after the start before it is measured, in ms. */
const SETTLE_MS = 3_000

/**
 * @param {import('./stage.js').Stage} stage
 * @param {{ bridges: number, idleSeconds: number }} options
 * @returns {Promise<string>} a table
 */
export async function manyProcesses(stage, { bridges, idleSeconds }) {
  // Each kind starts after the other, and all are idle at the same time.
  const starts = []
  for (const name of /** @type {const} */ (['bare', 'bridge']))
    starts.push(await startAll(() => stage.spawn[name]('2025'), bridges))
  const [bare, bridge] = await Promise.all(starts.map((started) => measure(started, idleSeconds)))
  const rows = Object.keys(bare ?? {}).map((row) => {
    const values = [bare?.[row], bridge?.[row]].map((value) => value ?? Number.NaN)
    const ratio = values[0] ? (values[1] ?? Number.NaN) / values[0] : Number.NaN
    return `| ${row} | ${values.map((value) => value.toFixed(value < 10 ? 2 : 0)).join(' | ')} | ${Number.isNaN(ratio) ? '-' : ratio.toFixed(2)} |`
  })
  return [
    `| ${bridges} processes, idle for ${idleSeconds} s | bare relay | bridge | bridge ÷ bare |`,
    '|:--|--:|--:|--:|',
    ...rows,
  ].join('\n')
}

function startAll(
  /** @type {() => ReturnType<import('./stage.js').Stage['spawn']['bridge']>} */ spawn,
  /** @type {number} */ count,
) {
  const began = performance.now()
  const starts = Array.from({ length: count }, async () => {
    const relay = await startRelay(spawn())
    return { relay, ms: performance.now() - began }
  })
  return Promise.all(starts)
}

/** @returns {Promise<Record<string, number>>} */
async function measure(/** @type {Awaited<ReturnType<typeof startAll>>} */ started, /** @type {number} */ idleSeconds) {
  const relays = started.map(({ relay }) => relay)
  await sleep(SETTLE_MS)
  const before = relays.map(({ pid }) => standing(pid))
  await sleep(idleSeconds * 1_000)
  const after = relays.map(({ pid }) => standing(pid))
  await Promise.all(relays.map(({ close }) => close()))
  const grown = (/** @type {'cpuMs' | 'wakeUps'} */ what) =>
    after.map((now, at) => ((now[what] - (before[at]?.[what] ?? 0)) * 60) / idleSeconds)
  const median = (/** @type {number[]} */ values) => quantile(values, 0.5)
  return {
    'all have answered initialize, s': Math.max(...started.map(({ ms }) => ms)) / 1000,
    'RSS each, median, MB': median(before.map(({ rssMb }) => rssMb)),
    'PSS each, median, MB': median(before.map(({ pssMb }) => pssMb)),
    'RSS each after idling, median, MB': median(after.map(({ rssMb }) => rssMb)),
    'CPU each while idle, median, ms a minute': median(grown('cpuMs')),
    'wake-ups each while idle, median, a minute': median(grown('wakeUps')),
  }
}

/** proc_pid_status(5), proc_pid_smaps_rollup(5), proc_pid_stat(5); wake-ups are voluntary context switches of the main thread. */
function standing(/** @type {number} */ pid) {
  const status = read(pid, 'status')
  const fields = read(pid, 'stat')
    .replace(/^.*\) /s, '')
    .split(' ')
  return {
    rssMb: Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1]) / 1024,
    pssMb: Number(/^Pss:\s+(\d+)/m.exec(read(pid, 'smaps_rollup'))?.[1]) / 1024,
    cpuMs: (Number(fields[11]) + Number(fields[12])) * 10,
    wakeUps: Number(/^voluntary_ctxt_switches:\s+(\d+)/m.exec(status)?.[1]),
  }
}

function read(/** @type {number} */ pid, /** @type {string} */ name) {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'utf8')
  } catch {
    return ''
  }
}
