// Events to stderr and the log file. Only fields on the list are written, and known shapes of secrets are cut out of texts.
import type { Writable } from 'node:stream'
import { withoutQueries, withoutSecrets } from '../errors.ts'
import type { LogFields, Logger, LogLevel } from '../ports.ts'
import { createLogFile, type LogFileLimits } from './logFile.ts'

export interface LogOptions {
  readonly stderr: Writable & { readonly isTTY?: boolean }
  /** Least level for stderr. */
  readonly level: LogLevel
  /** DEBUG patterns such as `oauth:*`; what matches is written whatever its level. */
  readonly namespaces: readonly string[]
  readonly file: string | undefined
  /** Least level for the file. */
  readonly fileLevel: LogLevel
  readonly fileLimits?: LogFileLimits
}

const RANK: Readonly<Record<LogLevel, number>> = { debug: 0, info: 1, warn: 2, error: 3 }

/** Facts that are never secret. A field that is not here is written as `[hidden]`. */
const FIELDS = new Set(
  'again attempt blocked code count driver file issuer key method message ms names offered origin outcome pid port profile reason request scope server status verifierLength version'.split(
    ' ',
  ),
)

export function createLog({ stderr, level, namespaces, file, fileLevel, fileLimits }: LogOptions): Logger {
  const patterns = namespaces.map(toPattern)
  const append = file === undefined ? undefined : createLogFile(file, fileLimits)

  const toFile = (line: string) => {
    try {
      append?.(line)
    } catch {
      // A log that cannot be written must not stop the work; stderr still has the warnings.
    }
  }

  const write = (at: LogLevel, event: string, fields: LogFields = {}) => {
    const named = patterns.some((pattern) => pattern.test(event))
    const onScreen = named || RANK[at] >= RANK[level]
    const inFile = named || RANK[at] >= RANK[fileLevel]
    if (!onScreen && !inFile) return
    const time = new Date().toISOString()
    const safe = clean(fields)
    const json = `${JSON.stringify({ time, level: at, event, ...safe })}\n`
    if (inFile) toFile(json)
    if (onScreen) stderr.write(stderr.isTTY ? forPeople(time, at, event, safe) : json)
  }

  const quiet = RANK[level] > RANK.debug && RANK[fileLevel] > RANK.debug
  return {
    wants: (event) => !quiet || patterns.some((pattern) => pattern.test(event)),
    debug: (event, fields) => write('debug', event, fields),
    info: (event, fields) => write('info', event, fields),
    warn: (event, fields) => write('warn', event, fields),
    error: (event, fields) => write('error', event, fields),
  }
}

function clean(fields: LogFields): Record<string, string | number | boolean> {
  const safe: Record<string, string | number | boolean> = {}
  for (const [name, value] of Object.entries(fields)) {
    if (value === undefined) continue
    if (!FIELDS.has(name)) safe[name] = '[hidden]'
    // In the log a code stands under "error", so that a search for errors finds it.
    else
      safe[name === 'code' ? 'error' : name] = typeof value === 'string' ? withoutQueries(withoutSecrets(value)) : value
  }
  return safe
}

function forPeople(
  time: string,
  level: LogLevel,
  event: string,
  fields: Record<string, string | number | boolean>,
): string {
  const { message, ...rest } = fields
  const facts = Object.entries(rest).map(([name, value]) => `${name}=${value}`)
  return `${[time.slice(11, 19), level, event, ...(message === undefined ? [] : [message]), ...facts].join(' ')}\n`
}

function toPattern(namespace: string): RegExp {
  const parts = namespace.split('*').map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'))
  return new RegExp(`^${parts.join('.*')}$`)
}
