// Sends the address of a sign-in to the host: as a log message, and as a URL elicitation inside a call that waits for it, if the
// host supports that (MCP 2025-11-25, "URL Mode Elicitation").
import { randomUUID } from 'node:crypto'
import type { BridgeError } from '../../errors.ts'
import type { Clock, Logger, SignInWatch } from '../../ports.ts'
import type { PendingRequest } from '../message/inFlight.ts'
import type { Message, RawId } from '../message/message.ts'
import { find, stringIn } from '../message/pick.ts'
import { errorData } from '../message/rpcError.ts'

export interface NoticeOptions {
  readonly watch: SignInWatch
  /** The server's URL, for people. */
  readonly server: string
  readonly clock: Clock
  readonly log: Logger
  readonly write: (line: Uint8Array) => Promise<void>
  /** Calls that the server has not seen yet. */
  readonly calls: () => readonly PendingRequest[]
}

export interface SignInNotice {
  /** What the host supports: log messages, and URL elicitation. */
  allow(what: { readonly messages: boolean; readonly questions: boolean }): void
  /** True: a response of the host to our own request. */
  takeReply(response: Message): boolean
  /** The error for a host that follows addresses, which hears when the sign-in is done; undefined: any other error will do. */
  refusal(id: RawId, error: BridgeError): Uint8Array | undefined
}

/** URL mode of elicitation (MCP 2025-11-25). */
interface Elicitation {
  readonly mode: 'url'
  readonly elicitationId: string
  readonly url: string
  readonly message: string
}

/** What a person reads beside the address. */
export const pleaseSignIn = (server: string) => `Please sign in to ${server}.`

/** MCP 2025-11-25, "URL Elicitation Required Error". */
const URL_REQUIRED = -32042
/** No person answers sooner, in ms: a host that nobody looks at declines by itself. */
export const SOONEST_MS = 1_000

export function createSignInNotice({ watch, server, clock, log, write, calls }: NoticeOptions): SignInNotice {
  /** When each was asked. */
  const questions = new Map<RawId, number>()
  let allowed = { messages: false, questions: false }
  let said: string | undefined
  let open: Elicitation | undefined
  /** The last question, and the calls that waited then: while one of them waits, it is asked once. */
  let asked: { readonly url: string; readonly during: readonly PendingRequest[] } | undefined

  const elicitation = (url: string): Elicitation => {
    if (open?.url !== url) open = { mode: 'url', elicitationId: randomUUID(), url, message: pleaseSignIn(server) }
    return open
  }

  const announce = async (address: string) => {
    if (!allowed.messages || said === address) return
    said = address
    const params = { level: 'warning', logger: 'mcp-oauth-bridge', data: `Sign in to ${server}: ${address}` }
    await write(line({ method: 'notifications/message', params }))
  }

  /** Outside a call, hosts decline by themselves: nobody sees the question. */
  const ask = async (address: string) => {
    if (!allowed.questions) return
    const waiting = calls().filter(({ message }) => message.method === 'tools/call')
    if (waiting.length === 0) return
    if (asked?.url === address && asked.during.some((call) => waiting.includes(call))) return
    asked = { url: address, during: waiting }
    const id = `mcp-oauth-bridge-${randomUUID()}`
    questions.set(JSON.stringify(id), clock.awake())
    await write(line({ id, method: 'elicitation/create', params: elicitation(address) }))
  }

  const complete = async () => {
    if (!open) return
    const params = { elicitationId: open.elicitationId }
    open = undefined
    await write(line({ method: 'notifications/elicitation/complete', params }))
  }

  const look = async () => {
    const { address } = watch
    if (address !== undefined) await Promise.all([announce(address), ask(address)])
    else if (!watch.waiting) await complete()
  }
  const changed = () => {
    look().catch((thrown: Error) => log.warn('proxy:sign-in', { message: thrown.message }))
  }
  watch.onChange(changed)

  return {
    allow(what) {
      allowed = what
      changed()
    },
    refusal(id, reason) {
      const { code, message, details } = reason
      if (code !== 'sign_in_pending' || typeof details.url !== 'string') return undefined
      const data = { ...errorData(reason), elicitations: [elicitation(details.url)] }
      const error = { code: URL_REQUIRED, message, data }
      return Buffer.from(`{"jsonrpc":"2.0","id":${id},"error":${JSON.stringify(error)}}`)
    },
    takeReply({ answers, bytes }) {
      const [id] = answers
      const askedAt = id === undefined || answers.length !== 1 ? undefined : questions.get(id)
      if (id === undefined || askedAt === undefined) return false
      questions.delete(id)
      const isByPerson = clock.awake() - askedAt >= SOONEST_MS
      if (isByPerson && stringIn(bytes, find(bytes, ['result', 'action'])) === 'decline') watch.giveUp()
      return true
    },
  }
}

const line = (message: object) => Buffer.from(JSON.stringify({ jsonrpc: '2.0', ...message }))
