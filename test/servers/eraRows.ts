// What a home remembers of the revisions of MCP that its servers speak, changed behind the program.
import { join } from 'node:path'
import BetterSqlite3 from 'better-sqlite3'

const databaseOf = ({ MCP_OAUTH_BRIDGE_HOME = '' }: NodeJS.ProcessEnv) =>
  new BetterSqlite3(join(MCP_OAUTH_BRIDGE_HOME, 'oauth.db'))

/** What is remembered of each server. */
export function rememberedEras(environment: NodeJS.ProcessEnv): readonly string[] {
  const database = databaseOf(environment)
  const values = database.prepare("SELECT value FROM server_cache WHERE name LIKE 'era:%'").pluck().all() as string[]
  database.close()
  return values.map((value) => JSON.parse(value).era)
}

/** As if no server had been asked. */
export function forgetEras(environment: NodeJS.ProcessEnv): void {
  const database = databaseOf(environment)
  database.prepare("DELETE FROM server_cache WHERE name LIKE 'era:%'").run()
  database.close()
}

/** As if each had been asked that many ms earlier. Returns how many there are. */
export function ageEras(environment: NodeJS.ProcessEnv, ms: number): number {
  const database = databaseOf(environment)
  const rows = database.prepare("SELECT name, value FROM server_cache WHERE name LIKE 'era:%'").all() as {
    readonly name: string
    readonly value: string
  }[]
  for (const { name, value } of rows) {
    const { at, ...rest } = JSON.parse(value)
    database
      .prepare('UPDATE server_cache SET value = ? WHERE name = ?')
      .run(JSON.stringify({ ...rest, at: at - ms }), name)
  }
  database.close()
  return rows.length
}
