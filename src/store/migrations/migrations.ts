// All steps of the schema in order, and what a program does with a version that it does not know
import { BridgeError } from '../../errors.ts'
import { initial } from './0001-initial.ts'
import { rowSeals } from './0002-row-seals.ts'
import { errorCodes } from './0003-error-codes.ts'
import { gateway } from './0004-gateway.ts'
import { tokensUser } from './0005-tokens-user.ts'
import type { Migration } from './migration.ts'

export const MIGRATIONS: readonly Migration[] = [initial, rowSeals, errorCodes, gateway, tokensUser]

/** The schema version this program works with. */
export const LATEST_VERSION = MIGRATIONS.length

/** A database that a newer program has brought up to its own version. */
export const tooNew = (version: number) =>
  new BridgeError('schema_missing', {
    message: `The database has schema version ${version}; this program supports up to ${LATEST_VERSION}.`,
    hint: 'Use the newest mcp-oauth-bridge with this database.',
  })
