// Logs events to stderr and the log file: only listed fields, and texts without known secrets.
import type { Writable } from 'node:stream'
import { glob } from '../../glob.ts'
import type { LogFields, Logger, LogLevel } from '../../ports.ts'
import { present } from '../../present.ts'
import { withoutAccounts, withoutControls, withoutQueries, withoutSecrets } from '../../redaction/text.ts'
import { createLogFile, type LogFileLimits } from './file.ts'
import { createFloodGuard } from './floodGuard.ts'
import { printableJson } from './printable.ts'

export interface LogOptions {
  readonly stderr: Writable & { readonly isTTY?: boolean }
  /** Lowest level for stderr. */
  readonly level: LogLevel
  /** DEBUG patterns such as `oauth:*`; matching events are written at any level. */
  readonly namespaces: readonly string[]
  readonly file: string | undefined
  /** Lowest level for the file. */
  readonly fileLevel: LogLevel
  readonly fileLimits?: LogFileLimits
  /** ms, never backwards */
  readonly awake?: () => number
}

const RANK: Readonly<Record<LogLevel, number>> = { debug: 0, info: 1, warn: 2, error: 3 }

/** Per event and error code in a minute; further ones are counted. Debugging needs more. */
const MOST: Readonly<Record<LogLevel, number>> = { debug: 300, info: 60, warn: 30, error: 30 }
/** Characters of one field: our own longest sentences are shorter. */
const LONGEST = 1_000

/** Fields that are never secret. A field that is not listed is written as `[hidden]`. */
const FIELDS = new Set(
  'address again attempt blocked client code count driver engine file grant hint issuer key keys method message ms names notice offered origin outcome pid port profile reason request scope server status verifierLength version'.split(
    ' ',
  ),
)

export function createLog(options: LogOptions): Logger {
  const { stderr, level, namespaces, file, fileLevel, fileLimits, awake = () => performance.now() } = options
  const patterns = namespaces.map(glob)
  const append = file === undefined ? undefined : createLogFile(file, fileLimits)

  let isTold = false
  const toFile = (line: string) => {
    try {
      append?.(line)
    } catch (thrown) {
      // A log that cannot be written must not stop the work; stderr still has the warnings, and says so once.
      if (isTold) return
      isTold = true
      const message = `The log file cannot be written: ${thrown instanceof Error ? thrown.message : thrown}`
      put('warn', 'log:file', { message: readable(message) }, { onScreen: RANK.warn >= RANK[level], inFile: false })
    }
  }

  const guard = createFloodGuard(awake)
  const write = (at: LogLevel, event: string, fields: LogFields = {}) => {
    const named = patterns.some((matches) => matches(event))
    const onScreen = named || RANK[at] >= RANK[level]
    const inFile = named || RANK[at] >= RANK[fileLevel]
    if (!onScreen && !inFile) return
    summarise('ended')
    if (!guard.admits(`${at} ${event} ${fields.code ?? ''}`.trim(), MOST[at])) return
    put(at, event, clean(fields), { onScreen, inFile })
  }

  const put = (
    at: LogLevel,
    event: string,
    safe: SafeFields,
    { onScreen, inFile }: { onScreen: boolean; inFile: boolean },
  ) => {
    const time = new Date().toISOString()
    const json = `${printableJson({ time, level: at, event, ...safe })}\n`
    if (inFile) toFile(json)
    if (onScreen) stderr.write(stderr.isTTY ? forPeople(time, at, event, safe) : json)
  }

  const summarise = (when: 'ended' | 'any') => {
    for (const { kind, more } of guard.passedOver(when)) {
      const [at = 'info', event = 'log', code] = kind.split(' ') as [LogLevel, string, string?]
      const facts = { message: `${more} similar events were not logged.`, count: more }
      const where = { onScreen: RANK[at] >= RANK[level], inFile: RANK[at] >= RANK[fileLevel] }
      put(at, event, { ...facts, ...present({ error: code }) }, where)
    }
  }

  const quiet = RANK[level] > RANK.debug && RANK[fileLevel] > RANK.debug
  return {
    wants: (event) => !quiet || patterns.some((matches) => matches(event)),
    debug: (event, fields) => write('debug', event, fields),
    info: (event, fields) => write('info', event, fields),
    warn: (event, fields) => write('warn', event, fields),
    error: (event, fields) => write('error', event, fields),
    end: () => summarise('any'),
  }
}

type SafeFields = Record<string, string | number | boolean>

function clean(fields: LogFields): SafeFields {
  const safe: SafeFields = {}
  for (const [name, value] of Object.entries(fields)) {
    if (value === undefined) continue
    if (!FIELDS.has(name)) safe[name] = '[hidden]'
    // In the log, a code is in "error", so that a search for errors finds it.
    else safe[name === 'code' ? 'error' : name] = typeof value === 'string' ? readable(value) : value
  }
  return safe
}

/** Without secrets, queries and names of accounts; truncated after that, so that part of a secret cannot remain. */
function readable(text: string): string {
  const safe = withoutAccounts(withoutQueries(withoutSecrets(text)))
  return safe.length > LONGEST ? `${safe.slice(0, LONGEST)}…` : safe
}

function forPeople(time: string, level: LogLevel, event: string, fields: SafeFields): string {
  const { message, ...rest } = fields
  const facts = Object.entries(rest).map(([name, value]) => `${name}=${value}`)
  const words = [time.slice(11, 19), level, event, ...(message === undefined ? [] : [message]), ...facts]
  return `${withoutControls(words.join(' '))}\n`
}
