// What the columns of the gateway's tables have beside those of the other tables: JSON.
import type { Row } from '../sql.ts'

/** The members of a JSON object; none where it is not one. */
export function objectOf(column: Row[string] | undefined): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(String(column))
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {}
  } catch {
    return {}
  }
}
