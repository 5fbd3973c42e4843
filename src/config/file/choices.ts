// Words that a flag, a key of the file and a completion may have: one list each.
import type { LogLevel } from '../../ports.ts'

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const satisfies readonly LogLevel[]
export const LOGIN_MODES = ['auto', 'on-call', 'never'] as const
export const TRANSPORTS = ['auto', 'http', 'sse'] as const
