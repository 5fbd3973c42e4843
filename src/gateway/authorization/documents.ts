// Client ID Metadata Documents, and the key sets that clients name: read from public addresses only, in small, and not too often
import { glob } from '../../glob.ts'
import type { HttpClient, HttpResponse, Logger } from '../../ports.ts'
import type { ClientRegistry } from '../ports.ts'
import { type RedirectRules, redirectUrisFault } from './redirectRules.ts'
import { isShallow } from './requests.ts'

const LARGEST_BYTES = 5 * 1024
const LONGEST_MS = 5_000
const FAILED_MS = 30_000
const A_MINUTE_MS = 60_000
const MOST_FETCHES = 20
/** Key sets of all clients behind one address. */
const MOST_KEYS = 100
/** Addresses and failures that are remembered at once; the oldest go first. */
const MOST_KEPT = 1_000

/** How long the engine keeps a document, within what its headers say, in seconds. */
export const DOCUMENT_CACHE_SECONDS = { min: 60, max: 24 * 60 * 60 } as const

export interface DocumentOptions {
  readonly http: Pick<HttpClient, 'request'>
  readonly clients: ClientRegistry
  readonly rules: RedirectRules
  /** Hosts that may serve one; `*` matches any characters. */
  readonly hosts: readonly string[]
  /** Behind an HTTP proxy the address of a host is not seen: only hosts that are named count then. */
  readonly namedHostsOnly: boolean
  readonly now: () => number
  readonly log: Logger
}

export interface Documents {
  /** Whether the document may be fetched for who asks from an address; undefined: for a person's page, which is not counted. */
  allow(clientId: string, asker: string | undefined): 'allowed' | 'refused' | 'too_many'
  /** A document, or a key set that a client names, for the same. Rejects for an answer that cannot be used. */
  fetch(address: string, asker: string | undefined): Promise<Response>
}

export function createDocuments(options: DocumentOptions): Documents {
  const { now, log } = options
  const failed = new Map<string, number>()
  const fetches = new Map<string, { count: number; until: number }>()
  /** Ids of clients whose documents are about to be fetched, as they are written: two ways to write one address are two clients. */
  const documents = new Map<string, true>()

  const isHostAllowed = (host: string) =>
    options.hosts.some(
      (pattern) => !(options.namedHostsOnly && /^[*.]*$/.test(pattern)) && glob(pattern.toLowerCase())(host),
    )
  const isTooMany = (who: string, most = MOST_FETCHES) => {
    const known = fetches.get(who)
    const counted = known && known.until > now() ? known : { count: 0, until: now() + A_MINUTE_MS }
    counted.count++
    keep(fetches, who, counted)
    return counted.count > most
  }
  /** Counted for who asks: whoever names the keys of another client would use up what that one may fetch. Behind one address are many clients. */
  const areTooManyKeys = ({ href }: URL, asker: string) =>
    [isTooMany(`keys ${href} for ${asker}`), isTooMany(`keys for ${asker}`, MOST_KEYS)].includes(true)

  return {
    allow(clientId, asker) {
      if (!URL.canParse(clientId)) return 'refused'
      const { href, hostname } = new URL(clientId)
      if (!isHostAllowed(hostname) || (failed.get(href) ?? 0) > now()) return 'refused'
      if (asker !== undefined && isTooMany(asker)) return 'too_many'
      keep(documents, clientId, true)
      return 'allowed'
    },

    async fetch(address, asker) {
      const url = new URL(address)
      const isDocument = documents.delete(address)
      try {
        if (!isDocument && areTooManyKeys(url, asker ?? url.host)) throw new DocumentFault('too many were asked for')
        if (!isDocument && options.namedHostsOnly && !isHostAllowed(url.hostname))
          throw new DocumentFault('its host may not be asked')
        const response = await read(options.http, url)
        const fault = response.status === 200 ? documentFault(response.text, options.rules) : undefined
        if (fault !== undefined) throw new DocumentFault(fault)
        if (isDocument && response.status !== 200) throw new StatusError(response.status)
        return new Response(response.text, { status: response.status, headers: response.headers })
      } catch (thrown) {
        log.warn('authorization:document_failed', { client: `${url.origin}${url.pathname}`, reason: reasonOf(thrown) })
        const kept = isDocument && isPassing(thrown) ? await options.clients.byId(address) : undefined
        // The host is away: a client that people have given something goes on as it was known last.
        if (kept?.source === 'document' && kept.blockedAt === undefined) return Response.json(kept.metadata)
        // Anybody can name the document of another client as their keys: that says nothing about the document.
        if (isDocument) keep(failed, url.href, now() + FAILED_MS)
        throw thrown
      }
    },
  }
}

class StatusError extends Error {
  readonly status: number

  constructor(status: number) {
    super(`the answer has the status ${status}`)
    this.status = status
  }
}

class DocumentFault extends Error {}

const isPassing = (thrown: unknown) =>
  !(thrown instanceof DocumentFault) && !(thrown instanceof StatusError && thrown.status < 500)

const reasonOf = (thrown: unknown) => (thrown instanceof Error ? thrown.message : 'unknown')

/** What of the document our rules refuse; what else is wrong with it the engine says. */
function documentFault(body: string, rules: RedirectRules): string | undefined {
  let document: unknown
  try {
    document = JSON.parse(body)
  } catch {
    return undefined
  }
  if (!isShallow(document)) return 'it is nested too deeply'
  // A key set has none.
  if (typeof document !== 'object' || document === null || !('redirect_uris' in document)) return undefined
  return redirectUrisFault(document.redirect_uris, rules) ?? nameFault(document)
}

/** MCP 2025-11-25, "Client ID Metadata Documents": client_name is required, beside what the engine requires. */
const nameFault = (document: object): string | undefined =>
  'client_name' in document && typeof document.client_name === 'string' && document.client_name.trim() !== ''
    ? undefined
    : 'it has no client_name'

async function read(http: DocumentOptions['http'], url: URL) {
  const signal = AbortSignal.timeout(LONGEST_MS)
  const answer = await http.request({
    method: 'GET',
    url,
    headers: { accept: 'application/json' },
    idleMs: LONGEST_MS,
    signal,
    redirect: 'manual',
    within: 'public',
    cookies: 'none',
  })
  const chunks: Uint8Array[] = []
  let bytes = 0
  try {
    for await (const chunk of answer.body) {
      chunks.push(chunk)
      bytes += chunk.length
      if (bytes > LARGEST_BYTES) throw new DocumentFault(`it is larger than ${LARGEST_BYTES} bytes`)
      signal.throwIfAborted()
    }
  } finally {
    answer.discard()
  }
  return { status: answer.status, text: Buffer.concat(chunks).toString('utf8'), headers: cacheHeaders(answer) }
}

/** What the engine reads of the headers. */
function cacheHeaders({ headers }: HttpResponse): Record<string, string> {
  const found: Record<string, string> = { 'content-type': 'application/json' }
  for (const name of ['cache-control', 'expires']) {
    const value = headers[name]
    if (typeof value === 'string') found[name] = value
  }
  return found
}

/** Puts it last, and lets the oldest go. */
function keep<V>(into: Map<string, V>, key: string, value: V): void {
  into.delete(key)
  into.set(key, value)
  const [oldest] = into.keys()
  if (into.size > MOST_KEPT && oldest !== undefined) into.delete(oldest)
}
