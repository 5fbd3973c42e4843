// The tables that a run prints: for each era the bridge beside a direct client and the bare relay, and the translating bridges beside those that translate nothing.
import { CONTENDERS, NAMES } from './peers.js'

/** @typedef {import('./messages.js').Era} Era */
/** @typedef {import('./rounds.js').Row} Row */
/** @typedef {import('./peers.js').Name} Name */

/** Who has to be measured to say something of these pairs, in the order of their turns. @returns {readonly Name[]} */
export function namesFor(/** @type {readonly string[]} */ pairs) {
  const chosen = NAMES.filter((name) => pairs.includes(name.replace('bridge ', '')))
  if (chosen.length !== pairs.length) throw new Error(`--pairs takes 2025-2025, 2026-2026, 2025-2026 and 2026-2025`)
  const compared = chosen.flatMap((name) => {
    const { host, server } = CONTENDERS[name]
    return host === server ? [`direct ${host}`, `bare ${host}`] : [`bridge ${server}-${server}`]
  })
  return NAMES.filter((name) => chosen.includes(name) || compared.includes(name))
}

/** undefined: nothing of it was measured. */
export function sameEra(/** @type {readonly Row[]} */ rows, /** @type {Era} */ era) {
  const names = /** @type {const} */ ([`direct ${era}`, `bare ${era}`, `bridge ${era}-${era}`])
  const known = rows.filter(({ values }) => values[names[2]] !== undefined)
  if (known.length === 0) return undefined
  const head = [`${era} host and server`, 'direct', 'bare relay', 'bridge', 'bridge ÷ bare', 'target']
  const lines = known.map((row) => {
    const [direct, bare, bridge] = names.map((name) => row.values[name])
    return [titleOf(row), ...[direct, bare, bridge].map(digits), ...judged(row, bridge, bare, row.goals?.[era])]
  })
  return printed([head, ...lines])
}

/** undefined: nothing of it was measured. */
export function translated(/** @type {readonly Row[]} */ rows) {
  const pairs = /** @type {const} */ ([
    ['bridge 2026-2026', 'bridge 2025-2026'],
    ['bridge 2025-2025', 'bridge 2026-2025'],
  ])
  const known = rows.filter(({ values }) => pairs.some(([, name]) => values[name] !== undefined))
  if (known.length === 0) return undefined
  const head = ['host → server', '2026 → 2026', '2025 → 2026', 'ratio', '2025 → 2025', '2026 → 2025', 'ratio', 'target']
  const lines = known.map((row) => {
    const goal = row.goals?.translated
    const cells = pairs.flatMap(([same, other]) => {
      const [ratio = '-', wish = ''] = judged(row, row.values[other], row.values[same], goal)
      return [digits(row.values[same]), digits(row.values[other]), wish.endsWith('✗') ? `${ratio} ✗` : ratio]
    })
    return [titleOf(row), ...cells, goal === undefined ? '' : `≤ ${goal}`]
  })
  return printed([head, ...lines])
}

const titleOf = (/** @type {Row} */ { name, unit }) => `${name}, ${unit}`

/**
 * The ratio, and what was wished for.
 * @param {Row} row
 * @param {number | undefined} measured
 * @param {number | undefined} compared
 * @param {number | undefined} goal
 */
function judged({ more }, measured, compared, goal) {
  const ratio = measured && compared ? measured / compared : undefined
  const missed = ratio !== undefined && goal !== undefined && (more ? ratio < goal : ratio > goal)
  return [ratio?.toFixed(2) ?? '-', goal === undefined ? '' : `${more ? '≥' : '≤'} ${goal}${missed ? ' ✗' : ''}`]
}

/** The first column to the left, the others to the right. */
export function printed(/** @type {readonly (readonly string[])[]} */ grid) {
  const widths = grid[0]?.map((_, column) => Math.max(...grid.map((line) => line[column]?.length ?? 0))) ?? []
  const print = (/** @type {readonly string[]} */ line) =>
    `| ${line.map((cell, column) => (column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0))).join(' | ')} |`
  const rule = `|${widths.map((width, column) => (column === 0 ? `:${'-'.repeat(width + 1)}` : `${'-'.repeat(width + 1)}:`)).join('|')}|`
  return [print(grid[0] ?? []), rule, ...grid.slice(1).map(print)].join('\n')
}

/** Three significant digits. */
export function digits(/** @type {number | undefined} */ value) {
  if (value === undefined || Number.isNaN(value)) return '-'
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(value >= 1 ? 2 : 3)
}
