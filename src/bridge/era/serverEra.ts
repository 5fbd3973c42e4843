// Which revisions the server speaks: what is remembered, else its answer to one server/discover; a memory that proves wrong is replaced.
import type { Era } from '../../eraMemory.ts'
import type { Cause } from '../../ports.ts'
import type { Bytes } from '../message/pick.ts'

/** What the host says of itself, as JSON texts: it goes into every request of ours in its name. */
export interface HostInfo {
  readonly clientInfo: string
  readonly capabilities: string
}

export interface ServerEra {
  /** What is known now; undefined: nothing, or the memory has not been read yet. */
  readonly now: Era | undefined
  /** The same, once the memory has been read. Never asks the server. */
  known(): Promise<Era | undefined>
  /**
   * The same, and asks the server if nothing is known: one question for all who wait. undefined: its answer says nothing (429, 5xx,
   * silence). @throws BridgeError where the sign-in failed, or the server was not reached
   */
  find(host: HostInfo, cause: Cause): Promise<Era | undefined>
  /** The `result` of the server's last answer to server/discover; undefined: there is none. */
  discovered(): Promise<Bytes | undefined>
  /** Asks again, whatever is known. Resolves to what is true now. @throws like `find` */
  ask(host: HostInfo, cause: Cause): Promise<Era | undefined>
  /** What an answer that came by another way has shown: remembered from now on. */
  learn(era: Era, discover?: Bytes): void
}
