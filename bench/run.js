// Compares the bridge with a direct client and a bare relay and prints one table; `--quick` takes less time and is less precise.
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
import { startStage } from './stage.js'
import { throughput } from './throughput.js'

const { quick, only, hours, bridges } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string', default: '' },
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
/** @type {import('./rounds.js').Row[]} */
const rows = []
if (wanted('coldStart')) rows.push(...(await coldStart(stage, { rounds: size(25, 7) })))
if (wanted('memory')) rows.push(...(await memory(stage, { rounds: size(9, 5) })))
const peers = await startPeers(stage)
if (wanted('latency')) rows.push(...(await latency(peers, { rounds: size(11, 5), calls: size(1000, 300) })))
if (wanted('throughput')) rows.push(...(await throughput(peers, { rounds: size(11, 5), calls: size(3000, 1000) })))
if (wanted('bigMessages')) rows.push(...(await bigMessages(peers, { rounds: size(11, 5), calls: size(6, 3) })))
await Promise.all(Object.values(peers).map((peer) => peer.close()))
// Runs last: its server stops answering.
if (wanted('ends')) rows.push(...(await ends(stage, { rounds: size(5, 3) })))
// Not part of a default run: it uses all of the machine.
if (only.split(',').includes('manyProcesses')) {
  const idleSeconds = hours === '' ? size(60, 10) : Number(hours) * 3600
  console.log(`${await manyProcesses(stage, { bridges: Number(bridges), idleSeconds })}\n`)
}

const seconds = Math.round((performance.now() - began) / 1000)
if (rows.length > 0) console.log(table(rows))
console.log(
  `\nMedians of interleaved rounds; Node ${process.version}, ${process.platform} ${process.arch}, ${availableParallelism()} cores, ${seconds} s.`,
)
// Kills the remaining processes, including the server, and removes the temporary home.
process.exit()

/** @param {import('./rounds.js').Row[]} all */
function table(all) {
  const lines = all.map(({ name, unit, values: { direct, bare, bridge }, target, more }) => {
    const ratio = bare && bridge ? bridge / bare : undefined
    const missed = ratio !== undefined && target !== undefined && (more ? ratio < target : ratio > target)
    const wish = target === undefined ? '' : `${more ? '≥' : '≤'} ${target}${missed ? ' ✗' : ''}`
    return [`${name}, ${unit}`, ...[direct, bare, bridge].map(digits), ratio?.toFixed(2) ?? '-', wish]
  })
  const grid = [['', 'direct', 'bare relay', 'bridge', 'bridge ÷ bare', 'target'], ...lines]
  const widths = grid[0]?.map((_, column) => Math.max(...grid.map((line) => line[column]?.length ?? 0))) ?? []
  const print = (/** @type {string[]} */ line) =>
    `| ${line.map((cell, column) => (column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0))).join(' | ')} |`
  const rule = `|${widths.map((width, column) => (column === 0 ? `:${'-'.repeat(width + 1)}` : `${'-'.repeat(width + 1)}:`)).join('|')}|`
  return [print(grid[0] ?? []), rule, ...grid.slice(1).map(print)].join('\n')
}

/** Three significant digits. */
function digits(/** @type {number | undefined} */ value) {
  if (value === undefined || Number.isNaN(value)) return '-'
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(value >= 1 ? 2 : 3)
}
