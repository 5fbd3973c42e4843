// The allowed values of options and keys that have a fixed list.
import type { LogLevel } from '../../ports.ts'

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const satisfies readonly LogLevel[]
export const LOGIN_MODES = ['auto', 'on-call', 'never'] as const
export const TRANSPORTS = ['auto', 'http', 'sse'] as const
export const PROTOCOLS = ['auto', '2025', '2026'] as const
/** What an MCP server behind the gateway gets as its bearer. */
export const BEARERS = ['assertion', 'user_token', 'none'] as const
/** Whether `serve` brings the schema up to date at its start, or only checks it. */
export const MIGRATIONS = ['up', 'check'] as const
/** The lists of `access`. */
export const ACCESS_LISTS = ['emails', 'domains', 'subjects', 'groups', 'tenants', 'organisations'] as const
