// reset on PostgreSQL: deletes the tables of the gateway, after asking twice, and never while another program is connected.
import type { GatewayDatabase } from '../../../compose/database.ts'
import { BridgeError } from '../../../errors.ts'
import type { ProcessIO } from '../../process.ts'
import { askTwice } from '../../terminal/askTwice.ts'
import type { CommandLine } from '../../words/args.ts'

/** `place`: host, port and database. Closes the database. @throws BridgeError database_locked, usage, declined */
export async function resetPostgres(
  database: GatewayDatabase,
  place: string,
  line: CommandLine,
  io: ProcessIO,
): Promise<number> {
  const { schema } = database
  try {
    if ((await schema.version()) === 0) {
      io.stderr.write(`There is nothing to remove in ${place}.\n`)
      return 0
    }
    await refuseWhileInUse(database, place)
    if (!line.has('yes'))
      await askTwice(`This deletes every sign-in and all other data of the gateway in ${place}.\n`, io)
    await refuseWhileInUse(database, place)
    for (let left = await schema.version(); left > 0; left--) await schema.down()
    io.stderr.write(`All data of the gateway in ${place} is deleted. The keys and the config files are unchanged.\n`)
    return 0
  } finally {
    await database.close()
  }
}

async function refuseWhileInUse({ otherUsers }: GatewayDatabase, place: string): Promise<void> {
  const others = await otherUsers()
  if (others === 0) return
  throw new BridgeError('database_locked', {
    message: `${others} other ${others === 1 ? 'connection uses' : 'connections use'} the database ${place}.`,
    hint: 'Stop every gateway that uses this database, and PgBouncer if it is in front, then run reset again.',
  })
}
