// Compares the bridge with a direct client and a bare relay, for each pair of eras, and prints tables; `--quick` takes less time and is less precise.
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { bigMessages } from './bigMessages.js'
import { coldStart } from './coldStart.js'
import { ends } from './ends.js'
import { hostStart } from './hostStart.js'
import { latency } from './latency.js'
import { look } from './look.js'
import { manyProcesses } from './manyProcesses.js'
import { memory } from './memory.js'
import { network } from './network.js'
import { startPeers } from './peers.js'
import { requests } from './requests.js'
import { startStage } from './stage.js'
import { namesFor, sameEra, translated } from './tables.js'
import { throughput } from './throughput.js'

const { quick, only, pairs, hours, bridges } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string', default: '' },
    pairs: { type: 'string', default: '2025-2025,2026-2026,2025-2026,2026-2025' },
    hours: { type: 'string', default: '' },
    bridges: { type: 'string', default: '50' },
  },
}).values
const wanted = (/** @type {string} */ name) => only === '' || only.split(',').includes(name)
const size = (/** @type {number} */ full, /** @type {number} */ short) => (quick ? short : full)

if (only === 'network') {
  console.log(await network())
  process.exit()
}

if (only === 'look') {
  console.log(await look({ rounds: size(25, 7) }))
  process.exit()
}

if (only === 'hostStart') {
  console.log(await hostStart(await startStage(), { rounds: size(15, 5) }))
  process.exit()
}

const began = performance.now()
const stage = await startStage()
const names = namesFor(pairs.split(','))
const counted = wanted('requests') ? await requests(stage) : undefined
/** @type {import('./rounds.js').Row[]} */
const rows = []
if (wanted('coldStart')) rows.push(...(await coldStart(stage, names, { rounds: size(25, 7) })))
if (wanted('memory')) rows.push(...(await memory(stage, names, { rounds: size(9, 5) })))
const peers = await startPeers(stage, names)
if (wanted('latency')) rows.push(...(await latency(peers, { rounds: size(11, 5), calls: size(1000, 300) })))
if (wanted('throughput')) rows.push(...(await throughput(peers, { rounds: size(11, 5), calls: size(3000, 1000) })))
if (wanted('bigMessages')) rows.push(...(await bigMessages(peers, { rounds: size(11, 5), calls: size(6, 3) })))
for (const peer of peers.values()) await peer.close()
// Runs last: its server stops answering.
if (wanted('ends')) rows.push(...(await ends(stage, { rounds: size(5, 3) })))
// Not part of a default run: it uses all of the machine.
if (only.split(',').includes('manyProcesses')) {
  const idleSeconds = hours === '' ? size(60, 10) : Number(hours) * 3600
  console.log(`${await manyProcesses(stage, { bridges: Number(bridges), idleSeconds })}\n`)
}

const seconds = Math.round((performance.now() - began) / 1000)
const tables = [sameEra(rows, '2025'), sameEra(rows, '2026'), translated(rows), counted]
console.log(tables.filter((table) => table !== undefined).join('\n\n'))
console.log(
  `\nMedians of interleaved rounds; Node ${process.version}, ${process.platform} ${process.arch}, ${availableParallelism()} cores, ${seconds} s.`,
)
// Kills the remaining processes, including the server, and removes the temporary home.
process.exit()
