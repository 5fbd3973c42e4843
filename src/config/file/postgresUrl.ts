// The URL of a PostgreSQL database (libpq, "Connection URIs"), read as people write it: a password need not be percent-encoded

export const POSTGRES_FORM = 'postgresql://USER:PASSWORD@HOST:PORT/DATABASE'

export const isPostgres = (url: string): boolean => /^postgres(ql)?:/i.test(url)

export interface PostgresUrl {
  /** Percent-encoded where that is needed; holds the password. */
  readonly url: string
  readonly password: string | undefined
  /** Host, port and database, for people. */
  readonly shown: string
}

const FORM =
  /^postgres(?:ql)?:\/\/(?:([^:@/?#]*)(?::(.*))?@)?(\[[\da-f:.]+\]|[\w.-]*)(?::(\d{1,5}))?\/([^/?#]+)(\?[^#]*)?$/is

/** Of libpq, and `no-verify` of node-postgres. */
const SSL_MODES = ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full', 'no-verify']

/** What is wrong with it, in words that repeat nothing of it; undefined: nothing. */
export function postgresFault(text: string): string | undefined {
  const [, , , , , , query] = FORM.exec(text) ?? []
  if (!parsePostgresUrl(text)) return `must be ${POSTGRES_FORM}`
  const mode = new URLSearchParams(query).get('sslmode')
  return !mode || SSL_MODES.includes(mode) ? undefined : `must have one of these as sslmode: ${SSL_MODES.join(', ')}`
}

/** undefined: it has another form. A `${NAME}` of the file may hold any text as the password. */
export function parsePostgresUrl(text: string): PostgresUrl | undefined {
  const [whole, user, secret, host = '', number, database = '', query = ''] = FORM.exec(text) ?? []
  const members = new URLSearchParams(query)
  // A folder of sockets is a parameter: ?host=/run/postgresql
  const at = host === '' ? (members.get('host') ?? '') : host
  const port = number ?? members.get('port') ?? '5432'
  if (whole === undefined || at === '' || Number(port) > 65_535 || /\p{Cc}/u.test(text)) return undefined
  const own = secret === undefined ? undefined : decoded(secret)
  const password = members.get('password') ?? own
  const who = user === undefined ? '' : [decoded(user), ...(own === undefined ? [] : [own])]
  const signedIn = who === '' ? '' : `${who.map(encodeURIComponent).join(':')}@`
  const url = `postgresql://${signedIn}${host}${host === '' ? '' : `:${port}`}/${nameInPath(decoded(database))}${query}`
  if (host !== '' && !URL.canParse(url)) return undefined
  return { url, password, shown: `${at}:${port}/${decoded(database)}` }
}

/** As the driver decodes it. */
const nameInPath = (name: string) => encodeURI(name).replace(/[?#]/g, encodeURIComponent)

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
