// Runs three bridges for ten minutes (or `--seconds N`) with tokens that live five seconds; prints failures, tabs and refreshes every ten seconds.
import { parseArgs } from 'node:util'
import { soak } from './kit.js'

const { values } = parseArgs({ options: { seconds: { type: 'string', default: '600' } } })
let lines = 0
/** @param {Awaited<ReturnType<typeof soak>>} now */
const show = ({ calls, failures, tabs, refreshes, refused, tokens }) =>
  console.log(
    `calls ${calls}  failures ${failures.length}  tabs ${tabs}  refreshes ${refreshes}  refused ${refused}  tokens seen ${tokens}`,
  )

const report = await soak({
  bridges: 3,
  tokenSeconds: 5,
  seconds: Number(values.seconds),
  onSecond: (now) => lines++ % 10 === 0 && show(now),
})
console.log('\nat the end:')
show(report)
for (const failure of new Set(report.failures)) console.log(`  failure: ${failure}`)
