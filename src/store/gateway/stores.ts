// All stores of the gateway on one database.
import type {
  CallerStore,
  ClientRegistry,
  GrantStore,
  PersonStore,
  RecordStore,
  RefreshAnswerStore,
  SigningKeyStore,
} from '../../gateway/ports.ts'
import type { Clock } from '../../ports.ts'
import type { Seal } from '../sealing/seal.ts'
import type { Database } from '../sql.ts'
import { createCallerStore } from './callers.ts'
import { createClientRegistry } from './clientRegistry.ts'
import { createGrantStore } from './grants.ts'
import { createPersonStore } from './people.ts'
import { createRecordStore } from './records.ts'
import { createRefreshAnswerStore } from './refreshAnswers.ts'
import { createSigningKeyStore } from './signingKeys.ts'

export interface GatewayStores {
  readonly persons: PersonStore
  readonly grants: GrantStore
  readonly records: RecordStore
  readonly refreshAnswers: RefreshAnswerStore
  readonly clients: ClientRegistry
  readonly callers: CallerStore
  readonly signingKeys: SigningKeyStore
}

/** `clock`: the database's. Every method throws what `database` throws. */
export function createGatewayStores(database: Database, seal: Seal, clock: Clock): GatewayStores {
  return {
    persons: createPersonStore(database, clock),
    grants: createGrantStore(database, clock),
    records: createRecordStore(database, clock),
    refreshAnswers: createRefreshAnswerStore(database, seal, clock),
    clients: createClientRegistry(database, seal, clock),
    callers: createCallerStore(database, clock),
    signingKeys: createSigningKeyStore(database, seal),
  }
}
