// migrate up | down | version: shows or changes the database schema.
import type { App } from '../../compose/app.ts'
import type { Schema } from '../../compose/database.ts'
import { BridgeError } from '../../errors.ts'
import { quote } from '../../redaction/text.ts'
import { LATEST_VERSION } from '../../store/migrations/migrations.ts'
import { demandAdditive, demandTables, migrateDown, migrateUp, schemaVersion } from '../../store/sqlite/migrate.ts'
import type { ProcessIO } from '../process.ts'
import { startAsking } from '../terminal/ask.ts'
import { isAtTerminal } from '../terminal/tty.ts'
import type { CommandLine } from '../words/args.ts'

type Parts = Pick<App, 'config' | 'storage'>

export async function migrate(app: Parts, line: CommandLine, io: ProcessIO): Promise<number> {
  const { server: action } = line
  if (action !== 'up' && action !== 'down' && action !== 'version') {
    const what = action === undefined ? 'migrate needs an action' : `${quote(action)} is not an action of migrate`
    throw new BridgeError('usage', { message: `${what}: up, down or version.` })
  }
  const { schema, close, place } = await open(app)
  try {
    if (action === 'version') {
      io.stdout.write(`${await schema.version()} (this program: ${schema.latest})\n`)
      return 0
    }
    if (action === 'up') await schema.up()
    else {
      if (app.config.postgres && !line.has('yes')) await ask(place, io)
      await schema.down()
    }
    io.stderr.write(`${place} is now at schema version ${await schema.version()}.\n`)
    return 0
  } finally {
    await close()
  }
}

/** A schema, how to close its database, and what people call that. */
async function open({
  config,
  storage,
}: Parts): Promise<{ schema: Schema; close: () => Promise<void>; place: string }> {
  if (config.postgres) {
    const { schema, close } = await storage.openPostgres()
    return { schema, close, place: config.postgres.shown }
  }
  const database = storage.openRaw()
  const schema: Schema = {
    version: async () => schemaVersion(database),
    latest: LATEST_VERSION,
    demandKnown: async () => demandAdditive(database, schemaVersion(database)),
    up: async () => {
      migrateUp(database)
      demandTables(database)
    },
    down: async () => void migrateDown(database),
  }
  return { schema, close: async () => database.close(), place: config.database }
}

/** A file belongs to one person; a database of a server, to everybody who uses the gateway. */
async function ask(place: string, io: ProcessIO): Promise<void> {
  if (!isAtTerminal(io))
    throw new BridgeError('usage', {
      message: `migrate down deletes data in ${place} and asks for confirmation, and there is no terminal to ask at.`,
      hint: 'Add --yes.',
    })
  const asking = startAsking(io)
  try {
    if (
      (await asking.yes(`This deletes the newest tables of ${place}, with the data in them. Continue?`, 'no')) === 'no'
    )
      throw new BridgeError('declined', { hint: 'Nothing was changed.' })
  } finally {
    asking.close()
  }
}
