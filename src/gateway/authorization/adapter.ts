// The engine's models on the stores of the gateway: nothing is kept under the id that a client or browser holds, only under its hash
import { BridgeError } from '../../errors.ts'
import type { Clock } from '../../ports.ts'
import { sha256 } from '../../sha256.ts'
import type { ClientRegistry, GrantStore, OAuthRecord, RecordKind, RecordStore } from '../ports.ts'
import type { Asked } from './asked.ts'

export type Payload = Record<string, unknown>

/** As the engine calls it. */
export interface Model {
  upsert(id: string, payload: Payload, expiresIn?: number): Promise<void>
  find(id: string): Promise<Payload | undefined>
  findByUserCode(code: string): Promise<undefined>
  findByUid(uid: string): Promise<undefined>
  consume(id: string): Promise<void>
  destroy(id: string): Promise<void>
  revokeByGrantId(grantId: string): Promise<void>
}

export interface AdapterOptions {
  readonly records: RecordStore
  readonly clients: ClientRegistry
  readonly grants: GrantStore
  readonly clock: Clock
  /** The URL at which the engine goes on with an authorization request. */
  readonly resumeUrl: (uid: string) => string
  /** The request that the engine is working on, and whether it is one to /revoke. */
  readonly asked: () => Asked | undefined
  readonly isRevocation: () => boolean
  readonly invalidGrant: (detail: string) => Error
  readonly blockedClient: () => Error
  /** For an authorization request that somebody has answered at this moment. */
  readonly over: () => Error
  readonly onReplay: (grantId: string) => void
}

export const RECORD_KINDS: readonly RecordKind[] = [
  'AccessToken',
  'AuthorizationCode',
  'RefreshToken',
  'Interaction',
  'Grant',
  'ReplayDetection',
]

/** A store that fails is not a fault of the client: it may try again. */
export function shielded(model: Model, asAnswer: (fault: BridgeError) => Error): Model {
  const entries = Object.entries(model).map(([name, method]) => [
    name,
    async (...values: unknown[]) => {
      try {
        return await method(...values)
      } catch (thrown) {
        throw thrown instanceof BridgeError ? asAnswer(thrown) : thrown
      }
    },
  ])
  return Object.fromEntries(entries)
}

/** A model of any other name, such as the engine's sessions, keeps nothing. */
export function createModel(name: string, options: AdapterOptions): Model {
  if (name === 'Client') return clientModel(options)
  if (!RECORD_KINDS.some((kind) => kind === name)) return nothingKept
  return recordModel(name as RecordKind, options)
}

const nothingKept: Model = {
  upsert: async () => undefined,
  find: async () => undefined,
  findByUserCode: async () => undefined,
  findByUid: async () => undefined,
  consume: async () => undefined,
  destroy: async () => undefined,
  revokeByGrantId: async () => undefined,
}

function recordModel(kind: RecordKind, options: AdapterOptions): Model {
  const { records, grants, clock, asked } = options
  /** Times of a payload are this process's; those of the table are the database's. */
  const skew = () => Math.round((Date.now() - clock.now()) / 1000)
  const endGrant = async (id: string) => {
    const by = options.isRevocation() ? 'client' : 'replay'
    if ((await grants.end(id, by)) && by === 'replay') options.onReplay(id)
  }

  return {
    ...nothingKept,
    async upsert(id, payload, expiresIn = 0) {
      const run = asked()?.refresh
      if (run?.mode === 'replay') return
      const idHash = sha256(id)
      if (run) {
        run.written.push({ kind, idHash })
        if (kind === 'RefreshToken') run.successorHash = idHash
      }
      await records.put({
        kind,
        idHash,
        grantId: kind === 'Grant' ? id : text(payload.grantId),
        clientId: text(payload.clientId),
        personId: text(payload.accountId),
        resource: text(payload.aud) ?? text(payload.resource),
        payload: shifted(withoutId(payload), -skew()),
        expiresAt: clock.now() + expiresIn * 1000,
      })
    },

    async find(id) {
      const idHash = sha256(id)
      const record = await records.find(kind, idHash)
      if (!record || (kind === 'Interaction' && record.consumedAt !== undefined)) return undefined
      const run = asked()?.refresh
      const isHidden = run?.mode === 'replay' && run.spentHash === idHash
      return {
        ...shifted(record.payload, skew()),
        ...(kind === 'Interaction' && { returnTo: options.resumeUrl(id) }),
        jti: id,
        kind,
        ...(record.consumedAt !== undefined && !isHidden && { consumed: Math.floor(record.consumedAt / 1000) }),
      }
    },

    async consume(id) {
      const idHash = sha256(id)
      const run = asked()?.refresh
      if (kind === 'RefreshToken' && run?.spentHash === idHash) {
        run.isSpent = true
        return
      }
      if (await records.consume(kind, idHash)) return
      const record = await records.find(kind, idHash)
      if (record?.grantId !== undefined) await endGrant(record.grantId)
      throw options.invalidGrant('it was used at the same moment by another request')
    },

    // The engine asks the model of each kind; the one of grants ends them all.
    async destroy(id) {
      if (asked()?.refresh?.mode === 'replay') return
      if (kind === 'Grant') await endGrant(id)
      // It leads to one code, however often a browser comes back with it: the row stays, so that nobody writes it anew.
      else if (kind === 'Interaction') {
        if (!(await records.consume(kind, sha256(id)))) throw options.over()
      } else await records.remove(kind, sha256(id))
    },
  }
}

function clientModel({ clients, asked, blockedClient }: AdapterOptions): Model {
  return {
    ...nothingKept,
    async upsert(id, { client_secret: secret, ...metadata }) {
      await clients.save({ id, metadata, secret: text(secret), source: 'registered' }, asked()?.address)
    },
    async find(id) {
      const client = await clients.byId(id)
      if (client?.blockedAt !== undefined) throw blockedClient()
      // A metadata document is read anew: what is kept of it is for lists, and for when its host is away.
      if (!client || client.source === 'document') return undefined
      return { ...client.metadata, client_id: id, ...(client.secret !== undefined && { client_secret: client.secret }) }
    },
    destroy: (id) => clients.remove(id),
  }
}

/** Without what would tell the id: it stands in the address at which an authorization request goes on. */
const withoutId = ({ jti: _id, uid: _uid, returnTo: _address, ...payload }: Payload): Payload => payload

const TIMES = ['exp', 'iat', 'iiat', 'authTime']

const shifted = (payload: OAuthRecord['payload'], seconds: number): Payload =>
  seconds === 0
    ? { ...payload }
    : Object.fromEntries(
        Object.entries(payload).map(([name, value]) => [
          name,
          TIMES.includes(name) && typeof value === 'number' ? value + seconds : value,
        ]),
      )

const text = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined)
