// Runs the checks one after the other, each within its time limit, and ranks failures: the most likely cause first.
import { asBridgeError } from '../errors.ts'
import { CHECKS } from './list.ts'
import type { Check, CheckContext, Findings } from './report/context.ts'
import { type Finding, fail, failed, type Outcome } from './report/finding.ts'

export interface Report {
  /** True: nothing failed; warnings alone do no harm. */
  readonly ok: boolean
  readonly checks: readonly Finding[]
  /** The failure that explains the most; null when nothing failed. */
  readonly likely_cause: Finding | null
  /** Names of all failed checks, the most likely cause first. */
  readonly causes: readonly string[]
}

const LIMIT_MS = 15_000

/** `onFinding` gets each finding as it is made. Never rejects, opens no browser, refreshes no token, changes no stored data. */
export async function examine(context: CheckContext, onFinding: (finding: Finding) => void): Promise<Report> {
  const known: Findings = {}
  const findings: Finding[] = []
  try {
    // Nothing can be said about a server that nobody named.
    const checks = context.server ? CHECKS : CHECKS.filter(({ about }) => about === 'machine')
    for (const check of checks) {
      const finding = { name: check.name, ...(await perform(check, context, known)) }
      findings.push(finding)
      onFinding(finding)
    }
  } finally {
    known.look?.close()
  }
  return reportOf(findings)
}

/** The checks are in the order of cause and effect, so the first failure explains the others best. */
export function reportOf(checks: readonly Finding[]): Report {
  const failures = checks.filter(({ status }) => status === 'fail')
  return {
    ok: failures.length === 0,
    checks,
    likely_cause: failures[0] ?? null,
    causes: failures.map(({ name }) => name),
  }
}

async function perform(check: Check, context: CheckContext, known: Findings): Promise<Outcome> {
  const limitMs = check.limitMs ?? LIMIT_MS
  const ended = new AbortController()
  const { signal } = ended
  // Not AbortSignal.any with a timeout: on Node 20 it is garbage-collected before it fires.
  const timer = setTimeout(() => ended.abort(), limitMs)
  const late = new Promise<Outcome>((resolve) => {
    const said = `This check did not finish within ${limitMs / 1000} s.`
    const tell = () => resolve(check.late ? fail(check.late, said) : fail('server_timeout', said, 'Run doctor again.'))
    signal.addEventListener('abort', tell, { once: true })
  })
  try {
    return await Promise.race([check.run(context, known, signal), late])
  } catch (thrown) {
    return failed(asBridgeError(thrown))
  } finally {
    clearTimeout(timer)
    ended.abort()
  }
}
