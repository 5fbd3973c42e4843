// The Streamable HTTP session: its id, its protocol version, and making it again when the server has forgotten it.
import { BridgeError, neverQuote } from '../errors.ts'
import type { HttpResponse } from '../ports.ts'
import { jsonOf, type Message } from './message.ts'

export interface Session {
  /** Mcp-Session-Id and MCP-Protocol-Version, as far as they are known. */
  headers(): Record<string, string>
  /** The host's own initialize request; the same bytes make a lost session again. */
  remember(initialize: Message): void
  /** Takes session id and version from the answer to an initialize request. */
  establish(answer: HttpResponse, message: Message): void
  /**
   * Makes the session again, once for all who ask with the same `lost` id. `exchange` sends initialize and initialized.
   * @throws BridgeError session_lost
   */
  renew(lost: string | undefined, exchange: (initialize: Message) => Promise<void>): Promise<void>
  readonly id: string | undefined
  /** Resolves when no session is being made again just now. */
  settled(): Promise<void>
  forget(): void
}

export function createSession(): Session {
  let id: string | undefined
  let protocolVersion: string | undefined
  let initialize: Message | undefined
  let renewing: Promise<void> | undefined

  return {
    headers: () => ({
      ...(id === undefined ? {} : { 'mcp-session-id': id }),
      ...(protocolVersion === undefined ? {} : { 'mcp-protocol-version': protocolVersion }),
    }),
    get id() {
      return id
    },
    remember(message) {
      initialize = message
      id = undefined
      protocolVersion = undefined
    },
    establish(answer, message) {
      const given = answer.headers['mcp-session-id']
      if (typeof given === 'string' && /^[\x21-\x7e]+$/.test(given)) id = given
      neverQuote([id])
      const version = (jsonOf(message) as { result?: { protocolVersion?: unknown } }).result?.protocolVersion
      if (typeof version === 'string' && /^[\w.-]{1,40}$/.test(version)) protocolVersion = version
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
    settled: () => renewing?.catch(() => undefined) ?? Promise.resolve(),
    forget() {
      id = undefined
    },
  }
}
