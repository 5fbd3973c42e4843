// The Streamable HTTP session: its id, its protocol version, and its restoration after the server has forgotten it.
import { BridgeError } from '../../errors.ts'
import { isSessionId } from '../../mcp/requests.ts'
import type { HttpResponse } from '../../ports.ts'
import { registerRotatingSecret } from '../../redaction/register.ts'
import type { Message } from '../message/message.ts'
import { find, stringIn } from '../message/pick.ts'
import { createHostQuestions, type HostQuestions } from './hostQuestions.ts'

export interface Session {
  /** Mcp-Session-Id and MCP-Protocol-Version, as far as they are known; the same object until one of them changes. */
  headers(): Readonly<Record<string, string>>
  /** The host's own initialize request; the same bytes restore a lost session. */
  remember(initialize: Message): void
  /** Keeps the state that a restored session needs from a message and its answer: log level, subscriptions. */
  note(message: Message, answer: Message): void
  /** What {@link remember} was given. */
  readonly initialize: Message | undefined
  /** What {@link note} kept, in the order it was sent. */
  readonly kept: readonly Message[]
  /** Batches are part of revision 2025-03-26 only; true also before a version is known. */
  readonly hasBatches: boolean
  /** Takes the session id from the answer to an initialize request, and the version, which stays until the host initializes again. */
  establish(answer: Pick<HttpResponse, 'headers'>, message: Message): void
  /**
   * Restores the session, once for all callers with the same `lost` id. `exchange` sends initialize and initialized.
   * @throws BridgeError session_lost
   */
  renew(lost: string | undefined, exchange: (initialize: Message) => Promise<void>): Promise<void>
  readonly id: string | undefined
  /** The negotiated protocol version. */
  readonly version: string | undefined
  /** Resolves when the session is restored; undefined: it is not being restored. */
  settled(): Promise<void> | undefined
  forget(): void
  /** The host talks to another conversation from now on. */
  leave(): void
  /** What the server has asked the host. */
  readonly questions: HostQuestions
  /** A message of the server as the host gets it; `posted`: the session id of the request that it came for. undefined: it is not for the host any more. */
  hear(message: Message, posted: string | undefined): Message | undefined
}

/** `questions`: what the host was asked, also in the sessions before this one. */
export function createSession(questions: HostQuestions = createHostQuestions()): Session {
  let id: string | undefined
  let protocolVersion: string | undefined
  let initialize: Message | undefined
  let renewing: Promise<void> | undefined
  let isLeft = false
  const kept = new Map<string, Message>()
  let built: { id?: string | undefined; version?: string | undefined; headers: Record<string, string> } = {
    headers: {},
  }

  const keep = (name: string, message: Message, answer: Message) => {
    // A copy: a view would keep the whole buffer of the host.
    if (!answer.failed) kept.set(name, { ...message, bytes: Uint8Array.prototype.slice.call(message.bytes) })
  }

  return {
    headers() {
      if (built.id !== id || built.version !== protocolVersion)
        built = { id, version: protocolVersion, headers: headersOf(id, protocolVersion) }
      return built.headers
    },
    get id() {
      return id
    },
    get version() {
      return protocolVersion
    },
    remember(message) {
      initialize = message
      id = undefined
      protocolVersion = undefined
      kept.clear()
    },
    note(message, answer) {
      const { method } = message
      if (method === 'logging/setLevel') keep(method, message, answer)
      else if (method === 'resources/subscribe') keep(uriOf(message), message, answer)
      else if (method === 'resources/unsubscribe') kept.delete(uriOf(message))
    },
    get initialize() {
      return initialize
    },
    get kept() {
      return [...kept.values()]
    },
    get hasBatches() {
      return protocolVersion === undefined || protocolVersion === '2025-03-26'
    },
    establish(answer, message) {
      const given = answer.headers['mcp-session-id']
      if (isSessionId(given)) id = given
      if (id !== undefined) registerRotatingSecret(id, 'session')
      const version = versionOf(message)
      if (version !== undefined && /^[\w.-]{1,40}$/.test(version)) protocolVersion ??= version
    },
    renew(lost, exchange) {
      if (lost !== id) return renewing ?? Promise.resolve()
      if (!initialize) return Promise.reject(new BridgeError('session_lost'))
      const again = initialize
      id = undefined
      renewing = exchange(again)
        .catch((thrown: unknown) => {
          id = lost
          throw thrown
        })
        .finally(() => {
          renewing = undefined
        })
      return renewing
    },
    settled: () => renewing?.catch(() => undefined),
    forget() {
      id = undefined
    },
    leave() {
      isLeft = true
    },
    questions,
    hear(message, posted) {
      const isOver = isLeft || (posted !== undefined && posted !== id)
      return isOver ? questions.withoutQuestions(message) : questions.put(message)
    },
  }
}

const headersOf = (id: string | undefined, version: string | undefined) => ({
  ...(id === undefined ? {} : { 'mcp-session-id': id }),
  ...(version === undefined ? {} : { 'mcp-protocol-version': version }),
})

/** The protocol version a server answers initialize with; undefined where it names none. */
export const versionOf = ({ bytes }: Message): string | undefined =>
  stringIn(bytes, find(bytes, ['result', 'protocolVersion']))

const uriOf = ({ bytes }: Message) => `uri:${stringIn(bytes, find(bytes, ['params', 'uri']))}`
