// Ten minutes (or `--seconds N`) of three bridges with tokens of five seconds: failures, tabs and refreshes, one line every ten seconds.
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
