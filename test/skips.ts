// Says at the end of a run which tests were skipped; in CI, a skip that is not on the list fails the run.
import { relative } from 'node:path'
import type { Reporter, TestCase, TestModule } from 'vitest/node'

interface Allowed {
  /** From test/; a folder ends with a slash. */
  readonly where: string
  readonly when: () => boolean
  readonly why: string
}

const isNode20 = process.versions.node.startsWith('20.')
const isRoot = process.getuid?.() === 0
const isWindows = process.platform === 'win32'

/** What a complete machine may skip. A program that is not installed is not on it. */
const ALLOWED: readonly Allowed[] = [
  { where: 'contract/sqlDatabase.test.ts', when: () => isNode20, why: 'Node 20 has no node:sqlite' },
  { where: 'contract/database.test.ts', when: () => isNode20, why: 'Node 20 has no node:sqlite' },
  { where: 'contract/database.test.ts', when: () => !isNode20, why: 'not both drivers, or there is one after all' },
  { where: 'contract/engines.test.ts', when: () => isNode20, why: 'Node 20 has no node:sqlite' },
  { where: 'unit/store/sqlite/database.test.ts', when: () => isRoot, why: 'root may read every file' },
  { where: 'unit/system/files/private.test.ts', when: () => !isRoot, why: 'only root can give a file away' },
  { where: 'unit/config/file/ownFile.test.ts', when: () => !isRoot, why: 'only root can give a file away' },
  { where: 'journeys/configOwner.test.ts', when: () => !isRoot, why: 'only root can give a file away' },
  { where: 'journeys/callbackUser.test.ts', when: () => !isRoot, why: 'only root can be another user' },
  { where: 'unit/system/http/connections.test.ts', when: () => true, why: 'not every machine has IPv6' },
  { where: '', when: () => process.platform !== 'linux' && !process.env.CI, why: 'Debian’s programs are not here' },
  { where: 'unit/', when: () => isWindows, why: 'Windows has no modes and no owners' },
]

export default class Skips implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const skipped = modules.flatMap((module) => [...module.children.allTests('skipped')])
    if (skipped.length === 0) return
    const unexpected = skipped.filter((test) => reasonFor(test) === undefined)
    const counts = new Map<string, number>()
    for (const test of skipped) {
      const why = reasonFor(test) ?? 'not on the list in test/skips.ts'
      counts.set(why, (counts.get(why) ?? 0) + 1)
    }
    process.stdout.write('\nSkipped:\n')
    for (const [why, count] of counts) process.stdout.write(`  ${count} × ${why}\n`)
    for (const test of unexpected) process.stdout.write(`    ${nameOf(test)} › ${test.fullName}\n`)
    if (process.env.CI && unexpected.length > 0) process.exitCode = 1
  }
}

const nameOf = (test: TestCase) => relative(import.meta.dirname, test.module.moduleId).replaceAll('\\', '/')

const reasonFor = (test: TestCase) => ALLOWED.find(({ where, when }) => nameOf(test).startsWith(where) && when())?.why
