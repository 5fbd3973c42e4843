// Resident memory of a relay: idle after `initialize`, and after 20 answers of 5 MB.
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { CONTENDERS, startRelay } from './peers.js'
import { inRounds } from './rounds.js'

const ANSWERS = 20
/** How long work may go on after an answer before it is measured, in ms. */
const SETTLE_MS = 500

/**
 * @param {import('./stage.js').Stage} stage
 * @param {readonly import('./peers.js').Name[]} names
 * @param {{ rounds: number }} options
 * @returns {Promise<import('./rounds.js').Row[]>}
 */
export async function memory(stage, names, { rounds }) {
  const relays = names.filter((name) => CONTENDERS[name].kind !== 'direct')
  const medians = await inRounds(rounds, relays, async (name) => {
    const { kind, host, server } = CONTENDERS[name]
    const relay = await startRelay(stage.spawn[kind](server), host)
    await sleep(SETTLE_MS)
    const idle = residentMb(relay.pid)
    for (let answer = 0; answer < ANSWERS; answer++) await relay.call('big', false)
    await sleep(SETTLE_MS)
    const used = residentMb(relay.pid)
    await relay.close()
    return { idle, used }
  })
  return [
    { name: 'RSS idle', unit: 'MB', values: medians(({ idle }) => idle), goals: { 2025: 1.25, 2026: 1.2 } },
    {
      name: `RSS after ${ANSWERS} × 5 MB`,
      unit: 'MB',
      values: medians(({ used }) => used),
      goals: { 2025: 1.25, 2026: 1.2 },
    },
  ]
}

/** proc_pid_status(5); undefined without /proc. */
function residentMb(/** @type {number} */ pid) {
  try {
    const [, kb] = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
    return kb === undefined ? undefined : Number(kb) / 1024
  } catch {
    return undefined
  }
}
