// What `pg` throws → BridgeError, by the codes of PostgreSQL (SQLSTATE) and of the system
import { BridgeError } from '../../errors.ts'
import { present } from '../../present.ts'

/** @throws BridgeError database_unreachable with `shown` (host, port and database), database_locked, schema_missing */
export async function translated<T>(work: () => Promise<T>, shown: string): Promise<T> {
  try {
    return await work()
  } catch (thrown) {
    throw translate(thrown, shown)
  }
}

/** A deadlock, or a transaction that another one overtook: it works the next time. */
export const shouldRepeat = (thrown: unknown): boolean => ['40P01', '40001'].includes(codeOf(thrown))

/** No answer came in time: of the server, or of what is between. */
export const isUnanswered = (thrown: unknown): boolean =>
  thrown instanceof Error && thrown.message === 'Query read timeout'

/** Of the network: the server was not reached, or went away. */
const NETWORK = /^(E[A-Z_]+|CERT_[A-Z_]+|[A-Z_]*SELF_SIGNED[A-Z_]*|UNABLE_TO_[A-Z_]+)$/
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
  if (LOCKED.includes(code))
    return new BridgeError('database_locked', {
      message: `The database ${shown} did not answer in time: another program holds what is needed.`,
      cause: thrown,
    })
  if (MISSING.includes(code))
    return new BridgeError('schema_missing', {
      message: `The database ${shown} lacks a table or column: ${why}.`,
      cause: thrown,
    })
  const isNetwork = NETWORK.test(code) || (code === '' && CONNECTION_WORDS.test(thrown.message))
  if (code === '' && !isNetwork) return thrown
  return new BridgeError('database_unreachable', {
    message: `Could not connect to PostgreSQL database ${shown}: ${why}.`,
    ...present({ hint: isNetwork || REFUSED.test(code) ? hintFor(code) : undefined }),
    cause: thrown,
  })
}

/** `pg` has no code for these: its own timeout, and a connection that ended. */
const CONNECTION_WORDS =
  /Query read timeout|timeout exceeded when trying to connect|Connection terminated|Client has encountered a connection error|connection ended|does not support SSL|SASL|password/i

function hintFor(code: string): string {
  if (code.startsWith('28')) return 'Check the user and the password in database_url.'
  if (code === '3D000') return 'Create the database (createdb), or correct its name in database_url.'
  return 'Check that PostgreSQL runs there and database_url is right: pg_isready -h HOST -p PORT.'
}

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
