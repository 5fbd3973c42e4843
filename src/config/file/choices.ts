// The allowed values of options and keys that have a fixed list.
import type { LogLevel } from '../../ports.ts'

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const satisfies readonly LogLevel[]
export const LOGIN_MODES = ['auto', 'on-call', 'never'] as const
export const TRANSPORTS = ['auto', 'http', 'sse'] as const
export const PROTOCOLS = ['auto', '2025', '2026'] as const
