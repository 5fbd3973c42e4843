// migrate up | down | version: shows or changes the database schema.
import type { App } from '../../compose/app.ts'
import { BridgeError } from '../../errors.ts'
import { quote } from '../../redaction/text.ts'
import { LATEST_VERSION, migrateDown, migrateUp, schemaVersion } from '../../store/sqlite/migrate.ts'
import type { ProcessIO } from '../process.ts'

export async function migrate(
  { config, storage }: Pick<App, 'config' | 'storage'>,
  action: string | undefined,
  { stdout, stderr }: ProcessIO,
): Promise<number> {
  if (action !== 'up' && action !== 'down' && action !== 'version') {
    const what = action === undefined ? 'migrate needs an action' : `${quote(action)} is not an action of migrate`
    throw new BridgeError('usage', { message: `${what}: up, down or version.` })
  }
  const database = storage.openRaw()
  try {
    if (action === 'version') {
      stdout.write(`${schemaVersion(database)} (this program: ${LATEST_VERSION})\n`)
      return 0
    }
    if (action === 'up') migrateUp(database)
    else migrateDown(database)
    stderr.write(`${config.database} is now at schema version ${schemaVersion(database)}.\n`)
    return 0
  } finally {
    database.close()
  }
}
