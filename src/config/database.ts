// The database of the config file: a SQLite file, or PostgreSQL for the gateway; its URL may be in a file of its own.
import { BridgeError } from '../errors.ts'
import type { Config } from './config.ts'
import { isPostgres, POSTGRES_FORM, parsePostgresUrl, postgresFault } from './file/postgresUrl.ts'
import type { ReadConfig } from './file/unset.ts'
import { databasePath, type Paths } from './paths.ts'
import { readTextFile } from './textFile.ts'

/** @throws BridgeError config_not_found, config_invalid */
export function databaseOf(
  { database_url: written, database_url_file: path }: ReadConfig,
  paths: Pick<Paths, 'data'>,
): Pick<Config, 'database' | 'postgres'> {
  const url = path === undefined ? written : readTextFile(path, 'database_url_file').trim()
  if (url === undefined || /^sqlite:./.test(url)) return { database: databasePath(url, paths) }
  const postgres = isPostgres(url) ? parsePostgresUrl(url) : undefined
  const fault = postgres && postgresFault(url)
  if (postgres && !fault) return { database: databasePath(undefined, paths), postgres }
  throw new BridgeError('config_invalid', {
    message: `${path === undefined ? 'database_url' : 'What database_url_file contains'} ${fault ?? `is not sqlite:FILE or ${POSTGRES_FORM}`}.`,
    hint: 'Correct it; percent-encode what is not a letter or digit in the user name.',
  })
}

/** The bridge keeps its sign-ins on this machine. @throws BridgeError config_invalid */
export function requireSqlite({ postgres }: Pick<Config, 'postgres'>): void {
  if (!postgres) return
  throw new BridgeError('config_invalid', {
    message: `database_url is the PostgreSQL database ${postgres.shown}: only serve can keep its data there, and the bridge needs a SQLite file.`,
    hint: 'Give the gateway a config file of its own, and leave out database_url in that of the bridge.',
  })
}
