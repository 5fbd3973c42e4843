// Which tables a schema has: those that its migrations have made and left. One that somebody deleted is not made again by them
import { BridgeError } from '../../errors.ts'
import type { Engine } from './migration.ts'
import { MIGRATIONS } from './migrations.ts'

/** The tables of a schema of `version` that are not among `present`. Empty for a version that this program does not know. */
export function missingTables(present: ReadonlySet<string>, version: number, engine: Engine): string[] {
  if (version < 1 || version > MIGRATIONS.length) return []
  const text = MIGRATIONS.slice(0, version).map(({ up }) => up(engine))
  return ['schema_migrations', ...tablesOf(text.join('\n'))].filter((name) => !present.has(name))
}

const FRESH: Readonly<Record<Engine, string>> = {
  sqlite:
    'Restore a backup. Or start fresh, which ends every sign-in: mcp-oauth-bridge reset, then mcp-oauth-bridge migrate up.',
  postgres: 'Restore them from a backup. Or start fresh, which ends every sign-in: dropdb, createdb, then migrate up.',
}

/** In the engine's own words. */
export function lacking(missing: readonly string[], engine: Engine): BridgeError {
  const named = missing.map((name) =>
    engine === 'sqlite' ? `no such table: ${name}` : `relation "${name}" does not exist`,
  )
  return new BridgeError('schema_missing', {
    message: `The database lacks tables: ${named.join(', ')}.`,
    hint: FRESH[engine],
  })
}

function tablesOf(text: string): Set<string> {
  const tables = new Set<string>()
  for (const [, verb, name = '', renamed] of text.matchAll(
    /\b(CREATE TABLE(?: IF NOT EXISTS)?|DROP TABLE|ALTER TABLE) (\w+)(?: RENAME TO (\w+))?/g,
  )) {
    if (verb === 'DROP TABLE' || renamed !== undefined) tables.delete(name)
    if (renamed !== undefined) tables.add(renamed)
    else if (verb?.startsWith('CREATE')) tables.add(name)
  }
  return tables
}
