// Detects that a server has lost a session: 404 by the specification, error texts in practice. An error about any other
// session is a normal answer: the request may have been carried out, and must not be sent again.
import type { Message } from '../message/message.ts'

/** Only for requests with a session id. 404: MCP Streamable HTTP, "Session Management". */
export function isSessionLost(status: number, start: Uint8Array): boolean {
  if (status === 404) return true
  if (status === 400 || status === 403) return isSessionRefused(start)
  return status === 503 && sayings(textOf(start)).some(saysLost)
}

/** For a 400, 401 or 403 to a request with a session id: the session is gone, or is not for this account. `described`: what its challenge says in words. */
export function isSessionRefused(start: Uint8Array, described = ''): boolean {
  return [...sayings(textOf(start)), described].some((text) => saysLost(text) || saysForeign(text))
}

/** Some say it in a JSON-RPC "Invalid Request", with whatever status: such a request was not processed. */
export function namesLostSession(answer: Message): boolean {
  if (!answer.failed || answer.bytes.byteLength > LONGEST_BYTES) return false
  const { error } = JSON.parse(textOf(answer.bytes)) as { error?: { code?: unknown; message?: unknown } | null }
  return error?.code === -32600 && typeof error.message === 'string' && saysLost(error.message)
}

/** Longer texts are about something else. */
const LONGEST_BYTES = 4096
const LONGEST_TEXT = 400

const textOf = (bytes: Uint8Array) =>
  Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.byteLength, LONGEST_BYTES)).toString('utf8')

/** What a body says in words: its text, or the members of its JSON that are for people. */
function sayings(body: string): string[] {
  let json: unknown
  try {
    json = JSON.parse(body)
  } catch {
    return [body]
  }
  if (typeof json !== 'object' || json === null) return [json].filter(isText)
  const { error, message, detail, error_description } = json as Record<string, unknown>
  const inner = typeof error === 'object' && error !== null ? (error as { message?: unknown }).message : error
  return [inner, message, detail, error_description].filter(isText)
}

const isText = (value: unknown): value is string => typeof value === 'string'

/** Common prefixes. */
const PREFIX =
  /^\s*(error|bad request|not found|forbidden|unauthorized|invalid token|service unavailable|invalid request|mcp error -\d+|\d{3})\s*[:-]\s*/i
/** A sentence with any other word is about something else: a bank’s session, a quota of sessions, a cookie. */
const WORDS = new Set(
  `a an the this that for with by to of in on at from and or is was has have been be does do did not no any could cannot can
  longer such already it
  mcp http transport session sessions id ids header headers client server api instance replica node request requests
  initialize initialized first then send
  found find exist exists existing known unknown valid invalid missing required provided given specified supplied recognized
  unrecognized expired terminated closed ended deleted removed gone lost active inactive initialised registered bad stale`.split(
    /\s+/,
  ),
)
/** One of these words says that the session does not exist. */
const VERDICT =
  /\b(no (longer |such |known |existing |active |valid |transport |mcp |matching )*(session|found)|(not|cannot|could not|cant) (be )?(a |an |any )?(found|find|exist|known|valid|recognized|active|initialized|registered|provided)|no longer|unknown|invalid|missing|required|unrecognized|expired|terminated|closed|ended|deleted|removed|gone|lost|inactive|stale|bad session)\b/
/** Sessions of people, not of the protocol. */
const ANOTHER_KIND = /\b(log|sign|signed|logged)[\s-]?(in|on)\b|\blogin\b|\bpassword\b|\bcookie\b|\byour\b/i
/** A text with unknown words. */
const ANOTHER_LANGUAGE = /(?![a-z])\p{L}/iu

/** Words of a session that is somebody else's, beside those above. */
const FOREIGN_WORDS = new Set(
  `belong belongs belonging another different other same user users account owner owned principal identity subject tenant match matches
  mismatch mismatched bound created started opened established issued under use using used current access token tokens bearer credential
  credentials caller authenticated authenticating authorized unauthorized authorization allowed permitted forbidden denied but its`.split(
    /\s+/,
  ),
)
/** One of these says so. */
const FOREIGN =
  /\b(belong(s|ing)?|another|different|other|mismatch(ed)?|bound|owner|owned|(not|does not|did not) (match|matches|created|allowed|permitted|authorized)|forbidden|denied|unauthorized)\b/

const saysLost = (text: string) => {
  const words = wordsOf(text)
  return words?.every((word) => WORDS.has(word)) === true && VERDICT.test(words.join(' '))
}

const saysForeign = (text: string) => {
  const words = wordsOf(text)
  const isKnown = (word: string) => WORDS.has(word) || FOREIGN_WORDS.has(word)
  return words?.every(isKnown) === true && FOREIGN.test(words.join(' '))
}

/** The words of the first sentence. undefined: it is not about a session of the protocol. */
function wordsOf(text: string): string[] | undefined {
  if (text.length > LONGEST_TEXT || ANOTHER_KIND.test(text) || ANOTHER_LANGUAGE.test(text)) return undefined
  const [sentence = ''] = text.replace(PREFIX, '').split(/[.!\n;](?:\s|$)/, 1)
  const words = sentence
    .replace(/n[’']t\b/gi, ' not')
    // An id is not a word: `Session 4f1c… not found`.
    .replace(/["'`<([]?\b(?=[\w-]*\d)[\w-]{2,}["'`>)\]]?/g, ' ')
    .replace(/([a-z])([A-Z])/g, '$1 $2')
    .toLowerCase()
    .split(/[^a-z]+/)
    .filter((word) => word !== '')
  return words.includes('session') ? words : undefined
}
