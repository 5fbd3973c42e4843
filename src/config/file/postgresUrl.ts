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

/** undefined: it has another form. A `${NAME}` of the file may hold any text as the password. */
export function parsePostgresUrl(text: string): PostgresUrl | undefined {
  const [whole, user, secret, host = '', port = '5432', database = '', query = ''] = FORM.exec(text) ?? []
  // A folder of sockets is a parameter: ?host=/run/postgresql
  const at = host === '' ? (new URLSearchParams(query).get('host') ?? '') : host
  if (whole === undefined || at === '' || Number(port) > 65_535 || /\p{Cc}/u.test(text)) return undefined
  const password = secret === undefined ? undefined : decoded(secret)
  const who = user === undefined ? '' : [decoded(user), ...(password === undefined ? [] : [password])]
  const signedIn = who === '' ? '' : `${who.map(encodeURIComponent).join(':')}@`
  const url = `postgresql://${signedIn}${host}${host === '' ? '' : `:${port}`}/${encodeURIComponent(decoded(database))}${query}`
  if (host !== '' && !URL.canParse(url)) return undefined
  return { url, password, shown: `${at}:${port}/${decoded(database)}` }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
