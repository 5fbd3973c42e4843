// A Logger that keeps its entries.
import type { LogFields, Logger, LogLevel } from '../../src/ports.ts'

export interface FakeLogger extends Logger {
  readonly entries: readonly { level: LogLevel; event: string; fields: LogFields }[]
}

export function createFakeLogger(): FakeLogger {
  const entries: { level: LogLevel; event: string; fields: LogFields }[] = []
  const at =
    (level: LogLevel) =>
    (event: string, fields: LogFields = {}) =>
      void entries.push({ level, event, fields })
  return { entries, debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
}
