// The request target (RFC 9112 section 3.2), decoded once: what two readers could take for different paths is not a path

export interface Target {
  /** Decoded; begins with a slash, without empty segments, `.` and `..`. */
  readonly path: string
  /** As it came, with its question mark, or ''. */
  readonly query: string
  /** Of the absolute form, as it came. */
  readonly host: string | undefined
}

const ABSOLUTE = /^https?:\/\/([^/?#]*)(.*)$/i
/** What separates or ends something in a path, for whoever decodes it later: `/ \ . % ; # ?`, and controls. */
const HIDDEN = /%(2f|5c|2e|25|3b|23|3f|[01][0-9a-f]|7f)/i
const PLAIN = /^[!-~]*$/

/** undefined: the target is malformed, or ambiguous. */
export function readTarget(raw: string): Target | undefined {
  if (!PLAIN.test(raw) || raw.includes('#')) return undefined
  const [, host, after] = ABSOLUTE.exec(raw) ?? []
  const relative = after === undefined ? raw : after.startsWith('/') ? after : `/${after}`
  const end = relative.indexOf('?')
  const path = pathOf(end === -1 ? relative : relative.slice(0, end))
  const query = end === -1 ? '' : relative.slice(end)
  // A database may take no NUL, in whatever parameter it comes.
  if (path === undefined || /%00/.test(query)) return undefined
  return { path, query, host }
}

function pathOf(raw: string): string | undefined {
  if (!raw.startsWith('/') || HIDDEN.test(raw) || /[\\;]/.test(raw)) return undefined
  const path = decoded(raw)
  if (path === undefined || /[\p{Cc}\p{Cf}]/u.test(path)) return undefined
  const segments = path.split('/').slice(1)
  const isWhole = segments.every(
    (one, index) => one !== '.' && one !== '..' && (one !== '' || index === segments.length - 1),
  )
  return isWhole ? path : undefined
}

/** undefined: not UTF-8 in percent-encoding. */
function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}
