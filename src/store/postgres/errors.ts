// What `pg` throws → BridgeError, by the codes of PostgreSQL (SQLSTATE) and of the system
import { BridgeError } from '../../errors.ts'

/** @throws BridgeError database_unreachable with `shown` (host, port and database), database_locked, schema_missing */
export async function translated<T>(work: () => Promise<T>, shown: string): Promise<T> {
  try {
    return await work()
  } catch (thrown) {
    throw translate(thrown, shown)
  }
}

/**
 * A deadlock, a transaction that another one overtook, a connection that the server ended before the answer, as it does when it stops,
 * or one to a server that only reads: nothing was written, and it works the next time.
 */
export const shouldRepeat = (thrown: unknown): boolean =>
  ['40P01', '40001', '57P01'].includes(codeOf(thrown)) || isReadOnly(thrown)

/** This server is a standby, or became one when another one took over. */
export const isReadOnly = (thrown: unknown): boolean => READ_ONLY.includes(codeOf(thrown))

/** read_only_sql_transaction; feature_not_supported, which a standby says to BEGIN READ WRITE, and nobody to anything else of ours */
const READ_ONLY = ['25006', '0A000']

/** No answer came in time: of the server, or of what is between. */
export const isUnanswered = (thrown: unknown): boolean =>
  thrown instanceof Error && thrown.message === 'Query read timeout'

/** Of the network: the server was not reached, or went away. */
const NETWORK = /^(E(?!RR_)[A-Z_]+|ERR_(TLS|SSL)[A-Z_]*|CERT_[A-Z_]+|[A-Z_]*SELF_SIGNED[A-Z_]*|UNABLE_TO_[A-Z_]+)$/
/** Classes and codes that say why nobody gets in, or no longer: 08 connection, 28 authorization, 3D no such database, 53 and 57P resources. */
const REFUSED = /^(08...|28...|3D...|53...|57P..)$/
/** lock_not_available, query_canceled (a timeout) */
const LOCKED = ['55P03', '57014']
/** undefined_table, undefined_column, invalid_schema_name */
const MISSING = ['42P01', '42703', '3F000']

function translate(thrown: unknown, shown: string): unknown {
  if (thrown instanceof BridgeError || !(thrown instanceof Error)) return thrown
  const code = codeOf(thrown)
  const why = reasonOf(thrown)
  // Not what was thrown: its other members may hold a row.
  const cause = Object.assign(new Error(why), { code })
  if (LOCKED.includes(code))
    return new BridgeError('database_locked', {
      message: `The database ${shown} did not answer in time: another program holds what is needed.`,
      cause,
    })
  if (MISSING.includes(code))
    return new BridgeError('schema_missing', {
      message: `The database ${shown} lacks a table or column: ${why}.`,
      cause,
    })
  const isNetwork = NETWORK.test(code) || (code === '' && CONNECTION_WORDS.test(thrown.message))
  if (!isNetwork && !SQLSTATE.test(code)) return thrown
  return new BridgeError('database_unreachable', {
    message: `${isNetwork || REFUSED.test(code) ? 'Could not connect to' : 'Cannot use'} PostgreSQL database ${shown}: ${why}.`,
    hint: hintFor(code, why),
    cause,
  })
}

/** Five characters, by PostgreSQL; a connection, a right, a database or room that is missing, or what no statement of ours should meet. */
const SQLSTATE = /^[0-9A-Z]{5}$/

/** `pg` has no code for these: its own timeout, and a connection that ended. */
const CONNECTION_WORDS =
  /Query read timeout|timeout exceeded when trying to connect|timeout expired|Connection terminated|Client has encountered a connection error|connection ended|does not support SSL|SASL|password/i

function hintFor(code: string, why: string): string {
  const tls = TLS_HINTS.find(([words]) => words.test(`${code} ${why}`))
  if (tls) return tls[1]
  if (code.startsWith('28')) return 'Check the user and the password in database_url.'
  if (code === '42501')
    return 'Give the user of database_url the right: GRANT ALL ON SCHEMA public TO USER, as the owner.'
  if (code === '53300')
    return 'Raise max_connections of PostgreSQL, or put PgBouncer in front of it: each replica has up to 10.'
  if (READ_ONLY.includes(code)) return 'Name the primary server in database_url: this one only reads.'
  if (code === '3D000') return 'Create the database (createdb), or correct its name in database_url.'
  return 'Check that PostgreSQL runs there and database_url is right: pg_isready -h HOST -p PORT.'
}

/** Words of Node, OpenSSL, `pg` and PostgreSQL, which has one code for all its refusals. */
const TLS_HINTS: readonly (readonly [RegExp, string])[] = [
  [
    /does not support SSL/,
    'Turn on ssl in PostgreSQL, or write sslmode=disable in database_url where nobody can listen.',
  ],
  [/no encryption|SSL off/, 'Write sslmode=verify-full in database_url: this server demands TLS.'],
  [
    /client certificate/,
    'Name a certificate and its key as sslcert and sslkey in database_url: this server demands one.',
  ],
  [/CERT_HAS_EXPIRED|NOT_YET_VALID/, 'Renew the certificate of PostgreSQL, or set the clock of this machine.'],
  [
    /ALTNAME/,
    'Write the name of the certificate as the host in database_url; with sslrootcert, sslmode=verify-ca does not compare it.',
  ],
  [
    /SELF_SIGNED|UNABLE_TO_/,
    'Name the PEM file of the authority that signed the certificate of PostgreSQL as sslrootcert in database_url.',
  ],
  [
    /SSL|certificate/i,
    'Correct sslmode, sslrootcert, sslcert and sslkey in database_url: verify-full checks the certificate, no-verify does not, disable is without TLS.',
  ],
]

const codeOf = (thrown: unknown): string => {
  const { code } = (thrown ?? {}) as { code?: unknown }
  return typeof code === 'string' ? code : ''
}

/** Several addresses were tried: each failed in its own way. */
function reasonOf(error: Error): string {
  const first = error instanceof AggregateError ? error.errors[0] : undefined
  if (isUnanswered(error)) return 'it did not answer in time'
  const text = error.message || (first instanceof Error ? first.message : '') || codeOf(error) || 'it does not answer'
  return text.split('\n')[0]?.replace(/\.$/, '') ?? text
}
