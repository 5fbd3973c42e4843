// Compares the gateway with a bare Node proxy and nginx, and prints a table; `--quick` takes less time, `--postgres` adds the second database, `--fastmcp` the peer from npm.
import { availableParallelism, loadavg } from 'node:os'
import { parseArgs } from 'node:util'
import { startContenders } from './gateway/contenders.js'
import { grants, idleStreams, messagePath, start } from './gateway/measures.js'
import { whyNoPostgres } from './kit.js'
import { quantile } from './rounds.js'
import { digits, printed } from './tables.js'

/**
 * What is wanted of the gateway: a ratio to the bare proxy, or a figure.
 * @type {Readonly<Record<string, { ratio?: number, value?: number, more?: boolean, above?: number }>>}
 */
const TARGETS = {
  'JSON: calls/s, 64 in flight': { ratio: 0.75, more: true },
  'JSON: CPU a call, ms': { ratio: 1.5 },
  'JSON: p50 of one at a time, ms': { ratio: 1.3 },
  'SSE: calls/s, 64 in flight': { ratio: 0.75, more: true },
  'SSE: CPU a call, ms': { ratio: 1.5 },
  'SSE: p50 of one at a time, ms': { ratio: 1.3 },
  'event, server → client, ms': { above: 0.3 },
  '5 MB answer, ms': { ratio: 1.15 },
  'memory of an idle stream at 1000, KB': { ratio: 1.25 },
  'refreshes/s, 16 in flight': { value: 300, more: true },
  'sign-ins/s of the CPU of the gateway': { value: 60, more: true },
  'start to ready, ms': { value: 700 },
  'RSS at the start, MB': { value: 130 },
}

const { quick, postgres, fastmcp, only } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    postgres: { type: 'boolean', default: false },
    fastmcp: { type: 'boolean', default: false },
    only: { type: 'string', default: 'memory,calls,grants,start' },
  },
}).values
const size = (/** @type {number} */ full, /** @type {number} */ short) => (quick ? short : full)
const wanted = (/** @type {string} */ part) => only.split(',').includes(part)
const whyNot = postgres ? whyNoPostgres() : undefined
if (whyNot) console.log(`PostgreSQL is left out: ${whyNot}.`)

const began = performance.now()
const busy = loadavg()[0] ?? 0
const { contenders, load, close } = await startContenders({ postgres: postgres && !whyNot, fastmcp })
/** By contender and row. @type {Map<string, Map<string, number[]>>} */
const found = new Map(contenders.map(({ name }) => [name, new Map()]))

/** @param {number} rounds @param {(contender: import('./gateway/contenders.js').Contender) => Promise<Record<string, number | undefined>>} measure */
async function inTurns(rounds, measure) {
  for (let round = 0; round < rounds; round++)
    for (const contender of contenders) {
      const rows = found.get(contender.name)
      for (const [row, value] of Object.entries(await measure(contender)))
        if (value !== undefined) rows?.set(row, [...(rows.get(row) ?? []), value])
    }
}

// Also of a run that is interrupted or fails.
process.once('exit', printAll)
if (wanted('memory')) await inTurns(1, (contender) => idleStreams(load, contender, 1000))
if (wanted('calls')) {
  // Not counted: compilers and caches get warm.
  for (const contender of contenders) await messagePath(load, contender, { calls: 4000 })
  await inTurns(size(9, 5), (contender) => messagePath(load, contender, { calls: size(6000, 3000) }))
}
if (wanted('grants')) {
  const sizes = { rounds: size(60, 20), signIns: 24 }
  for (const contender of contenders) await grants(load, contender, { ...sizes, rounds: 10 })
  await inTurns(size(5, 3), (contender) => grants(load, contender, sizes))
}
if (wanted('start')) await inTurns(size(7, 3), start)
await close()
// Ends the remaining processes.
process.exit()

function printAll() {
  const names = contenders.map(({ name }) => name)
  const median = (/** @type {string} */ name, /** @type {string} */ row) => {
    const values = found.get(name)?.get(row)
    return values && quantile(values, 0.5)
  }
  const rows = [...new Set([...found.values()].flatMap((all) => [...all.keys()]))]
  const lines = rows.map((row) => {
    const { ratio, value, more = false, above } = TARGETS[row] ?? {}
    const [bare, gateway] = [median('bare', row), median('gateway', row)]
    const compared = gateway && bare ? gateway / bare : undefined
    const target = ratio ?? value ?? (above === undefined || bare === undefined ? undefined : bare + above)
    const measured = ratio === undefined ? gateway : compared
    const isMissed = target !== undefined && measured !== undefined && (more ? measured < target : measured > target)
    const unit = ratio === undefined ? '' : ' ×'
    const wish = target === undefined ? '' : `${more ? '≥' : '≤'} ${Number(target.toPrecision(3))}${unit}`
    return [
      row,
      ...names.map((name) => digits(median(name, row))),
      compared?.toFixed(2) ?? '-',
      `${wish}${isMissed ? ' ✗' : ''}`,
    ]
  })
  console.log(printed([['', ...names, 'gateway ÷ bare', 'target'], ...lines]))
  const seconds = Math.round((performance.now() - began) / 1000)
  console.log(
    `\nMedians of contenders in turns; Node ${process.version}, ${process.platform} ${process.arch}, ${availableParallelism()} cores, load ${busy.toFixed(1)} before it began, ${seconds} s.`,
  )
}
