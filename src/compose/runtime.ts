// What the command line hands over to a composition: the process's streams and environment, and what differs between commands.
import type { Readable, Writable } from 'node:stream'
import type { IssuerCheckOptions } from '../auth/client/issuerCheck.ts'
import type { Clock, Logger, LoginLauncher, SecretStore } from '../ports.ts'

export interface Runtime {
  readonly stdin: Readable
  readonly stdout: Writable
  readonly stderr: Writable
  readonly environment: NodeJS.ProcessEnv
  /** Version of this program; read when needed. */
  readonly version: () => string
  readonly clock: Clock
  readonly log: Logger
  readonly launcher: LoginLauncher
  readonly keychain: SecretStore
  /** Asks the person at a terminal whether their client belongs to this issuer; omitted: nobody can be asked. */
  readonly confirmIssuer?: IssuerCheckOptions['confirmIssuer']
}
