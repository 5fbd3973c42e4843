// Looks at one JSON-RPC message without changing it: kind, id, method. The bytes travel on as they came.

/** The raw JSON text of a message id: `1`, `"a"`, `12345678901234567890`. */
export type IdText = string

export interface Message {
  readonly kind: 'request' | 'notification' | 'response' | 'batch'
  /** The ids this message asks an answer for: one for a request, any number for a batch, none for the rest. */
  readonly asks: readonly IdText[]
  /** The ids this message answers. */
  readonly answers: readonly IdText[]
  readonly method?: string
  readonly bytes: Uint8Array
  /** The parsed JSON; for reading only. */
  readonly json: unknown
}

const SPACE = 0x20

/** undefined: not a JSON-RPC 2.0 message. */
export function look(raw: Uint8Array): Message | undefined {
  const bytes = withoutBom(raw)
  let text: string
  let json: unknown
  try {
    text = decoder.decode(bytes)
    json = JSON.parse(text)
  } catch {
    return undefined
  }
  if (Array.isArray(json)) return lookAtBatch(json, text, bytes)
  if (!isMessage(json)) return undefined
  const { id, method } = json
  if (typeof method !== 'string') return { kind: 'response', asks: [], answers: idsOf([json], text), bytes, json }
  if (id === undefined) return { kind: 'notification', asks: [], answers: [], method, bytes, json }
  return { kind: 'request', asks: idsOf([json], text), answers: [], method, bytes, json }
}

/** Batches exist in revision 2025-03-26 only. */
function lookAtBatch(json: unknown[], text: string, bytes: Uint8Array): Message | undefined {
  if (json.length === 0 || !json.every(isMessage)) return undefined
  const ids = idsOf(json, text)
  const pick = (wanted: (member: JsonRpc) => boolean) => ids.filter((_, at) => wanted(json[at] as JsonRpc))
  const asks = pick(({ id, method }) => id !== undefined && method !== undefined)
  const answers = pick(({ method }) => method === undefined)
  return { kind: 'batch', asks, answers, bytes, json }
}

/** A UTF-8 byte order mark is allowed to be ignored (RFC 8259 section 8.1). */
export function withoutBom(bytes: Uint8Array): Uint8Array {
  return bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? bytes.subarray(3) : bytes
}

/** Raw line breaks never stand inside a JSON string, so turning them into spaces changes nothing but the layout. */
export function toOneLine(bytes: Uint8Array): Uint8Array {
  if (bytes.indexOf(10) === -1 && bytes.indexOf(13) === -1) return bytes
  return bytes.map((byte) => (byte === 10 || byte === 13 ? SPACE : byte))
}

/** Any id found at the top of broken or oversized text; for an error answer when nothing better is known. */
export function guessId(start: Uint8Array): IdText | undefined {
  const text = new TextDecoder().decode(start)
  if (!/"method"\s*:/.test(text)) return undefined
  return /^\s*\{(?:\s*"(?:jsonrpc|method)"\s*:\s*"[^"\\]*"\s*,)*\s*"id"\s*:\s*(-?\d+|"(?:[^"\\]|\\.)*")/.exec(text)?.[1]
}

const decoder = new TextDecoder('utf-8', { fatal: true })

interface JsonRpc {
  readonly jsonrpc: '2.0'
  readonly id?: string | number | null
  readonly method?: unknown
}

function isMessage(json: unknown): json is JsonRpc {
  if (typeof json !== 'object' || json === null || !('jsonrpc' in json) || json.jsonrpc !== '2.0') return false
  const id = 'id' in json ? json.id : undefined
  if (id !== undefined && id !== null && typeof id !== 'string' && typeof id !== 'number') return false
  if ('method' in json) return typeof json.method === 'string' && id !== null
  return id !== undefined && ('result' in json || 'error' in json)
}

/** JSON.parse rounds integers beyond 2^53; then the ids are read from the text itself. */
function idsOf(members: readonly JsonRpc[], text: string): IdText[] {
  const rounded = members.some(({ id }) => typeof id === 'number' && !Number.isSafeInteger(id))
  return rounded ? idTexts(text) : members.map(({ id }) => JSON.stringify(id ?? null))
}

/** The texts of the numbers that stand as `id` in the members of a message or batch, in order; the last of two in one wins. */
function idTexts(text: string): string[] {
  const texts: string[] = []
  const memberDepth = /^\s*\[/.test(text) ? 2 : 1
  let depth = 0
  for (let at = 0; at < text.length; at++) {
    const char = text.charCodeAt(at)
    if (char === OPEN_BRACE || char === OPEN_BRACKET) {
      depth++
      if (depth === memberDepth) texts.push('null')
    } else if (char === CLOSE_BRACE || char === CLOSE_BRACKET) {
      depth--
    } else if (char === QUOTE) {
      const end = endOfString(text, at)
      const value =
        depth === memberDepth && text.slice(at, end) === '"id"'
          ? ID_VALUE.exec(text.slice(end, end + 2_000))?.[1]
          : undefined
      if (value !== undefined) texts[texts.length - 1] = value
      at = end - 1
    }
  }
  return texts
}

/** The index after the closing quote of the string that begins at `start`. */
function endOfString(text: string, start: number): number {
  for (let quote = text.indexOf('"', start + 1); ; quote = text.indexOf('"', quote + 1)) {
    let backslashes = 0
    while (text.charCodeAt(quote - 1 - backslashes) === BACKSLASH) backslashes++
    if (backslashes % 2 === 0) return quote + 1
  }
}

const ID_VALUE = /^\s*:\s*(-?[\d.eE+-]+|"(?:[^"\\]|\\.)*"|null)/
const [QUOTE, BACKSLASH, OPEN_BRACE, CLOSE_BRACE, OPEN_BRACKET, CLOSE_BRACKET] = [34, 92, 123, 125, 91, 93]
