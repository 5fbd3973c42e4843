// TLS to PostgreSQL as its URL asks for it (libpq, "SSL Support"): what sslmode means, and the files of certificates
import { readFileSync } from 'node:fs'
import { type ConnectionOptions, createSecureContext } from 'node:tls'
import { BridgeError } from '../../errors.ts'
import { present } from '../../present.ts'

/** What `pg` gives to a connection; false: without TLS. undefined: the URL says nothing of it. */
export type Tls = ConnectionOptions | false | undefined

interface Asked {
  readonly mode: string | undefined
  /** libpq's own meaning of `require` and `prefer`, which check less. */
  readonly isLoose: boolean
  /** Path of a PEM file; undefined: the authorities of Node. */
  readonly authority: string | undefined
  readonly certificate: string | undefined
  readonly key: string | undefined
}

/** The parameters of TLS, which `pg` would read in its own way. */
const OURS = ['ssl', 'sslmode', 'sslrootcert', 'sslcert', 'sslkey', 'sslnegotiation', 'uselibpqcompat']

/**
 * The URL without what it asks of TLS, and what makes the settings of one connection: files are read each time, so that a renewed
 * certificate counts. `tls` throws BridgeError database_unreachable with `shown` where a file cannot be used.
 */
export function splitTls(url: string, shown: string) {
  const at = url.indexOf('?')
  const members = new URLSearchParams(at < 0 ? '' : url.slice(at))
  const given = new Map(OURS.flatMap((name) => [[name, members.get(name) || undefined] as const]))
  const root = given.get('sslrootcert')
  const asked: Asked = {
    mode: given.get('sslmode') ?? MODE_OF[given.get('ssl') ?? ''],
    isLoose: given.get('uselibpqcompat') === 'true',
    authority: root === 'system' ? undefined : root,
    certificate: given.get('sslcert'),
    key: given.get('sslkey'),
  }
  const isSilent = [...given.values()].every((value) => value === undefined)
  const isSocket = hostOf(url, members).startsWith('/')
  for (const name of OURS) members.delete(name)
  const rest = members.size === 0 ? '' : `?${members}`
  return {
    url: at < 0 ? url : url.slice(0, at) + rest,
    /** TLS from the first byte, as PostgreSQL 17 takes it. */
    isDirect: given.get('sslnegotiation') === 'direct',
    // libpq: sslmode is ignored for a socket of this machine.
    tls: (): Tls => (isSilent ? undefined : isSocket ? false : settingsOf(asked, shown)),
  }
}

/** As JDBC writes it. */
const MODE_OF: Readonly<Record<string, string>> = { true: 'require', 1: 'require', false: 'disable', 0: 'disable' }

/** '' for a socket that the query names. */
const hostOf = (url: string, members: URLSearchParams): string =>
  members.get('host') ?? /^[a-z]+:\/\/(?:[^@/?]*@)?(\[[^\]]*\]|[^:/?]*)/i.exec(url)?.[1] ?? ''

/** Where libpq would go on without a check, the certificate is checked unless the URL says otherwise. */
function settingsOf(asked: Asked, shown: string): Tls {
  const { mode, authority, certificate, key } = asked
  if (mode === 'disable') return false
  if ((certificate === undefined) !== (key === undefined))
    throw unusable(shown, 'sslcert', new Error('sslcert and sslkey belong together, and one of them is missing'))
  const cert = read(certificate, 'sslcert', shown)
  const own = read(key, 'sslkey', shown)
  const ca = read(authority, 'sslrootcert', shown)
  const checks = checksOf(asked)
  try {
    // `pg` would begin with these where nobody catches what is wrong with them.
    const secureContext = createSecureContext({ ...present({ ca, cert, key: own }), minVersion: 'TLSv1.2' })
    if (checks === 'nothing') return { secureContext, rejectUnauthorized: false }
    return checks === 'chain' ? { secureContext, checkServerIdentity: () => undefined } : { secureContext }
  } catch (cause) {
    throw unusable(shown, own === undefined ? 'sslrootcert' : 'sslkey', cause as Error)
  }
}

function checksOf({ mode, isLoose, authority }: Asked): 'all' | 'chain' | 'nothing' {
  if (mode === 'no-verify') return 'nothing'
  // Of a public authority, whoever has any certificate would be the server.
  if (mode === 'verify-ca') return authority === undefined ? 'all' : 'chain'
  if (!isLoose || mode === 'verify-full' || mode === undefined) return 'all'
  return mode === 'require' && authority !== undefined ? 'chain' : 'nothing'
}

function read(path: string | undefined, name: string, shown: string): string | undefined {
  if (path === undefined) return undefined
  let text = ''
  try {
    text = readFileSync(path, 'utf8')
  } catch (cause) {
    throw unusable(shown, name, cause as Error)
  }
  const kind = name === 'sslkey' ? 'private key' : 'certificate'
  if (!/-----BEGIN [A-Z ]*(CERTIFICATE|PRIVATE KEY)-----/.test(text))
    throw unusable(shown, name, new Error(`${path} contains no ${kind} in PEM form`))
  return text
}

const unusable = (shown: string, name: string, cause: Error) =>
  new BridgeError('database_unreachable', {
    message: `Could not connect to PostgreSQL database ${shown}: ${name} cannot be used: ${cause.message}.`,
    hint: 'Correct sslrootcert, sslcert and sslkey in database_url: paths of PEM files that this user may read; the key is not encrypted, and belongs to sslcert.',
    cause,
  })
