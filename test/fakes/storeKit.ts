// What tests put into the stores, and the stores in SQLite that they put it into.
import { randomBytes } from 'node:crypto'
import type { AttemptStore, Clock } from '../../src/ports.ts'
import type { AttemptPlan, Challenge, RegisteredClient, TokenKey, TokenSet } from '../../src/records.ts'
import { createAttemptStore } from '../../src/store/attemptStore.ts'
import { createSealedCache } from '../../src/store/cache.ts'
import { createClientStore } from '../../src/store/clientStore.ts'
import { createSeal, type Seal } from '../../src/store/sealing/seal.ts'
import type { Database } from '../../src/store/sql.ts'
import { createTokenStore } from '../../src/store/tokenStore.ts'
import { whyNoPgBouncer, whyNoPostgres } from '../servers/postgres.ts'
import { createFakeClock, type FakeClock, NOON } from './fakeClock.ts'
import { postgresDatabases } from './postgresEngine.ts'
import { sqlOf } from './sqlOf.ts'
import type { TempFolder } from './tempFolder.ts'

export const KEY: TokenKey = { server: 'https://mcp.example/mcp', profile: 'default' }
export const WORK: TokenKey = { ...KEY, profile: 'work' }
export const ISSUER = 'https://as.example'
export const REDIRECT = 'http://localhost:8080/auth/callback'

/** Only what every token set has. */
export const BARE: TokenSet = {
  issuer: ISSUER,
  clientId: 'client',
  redirectUri: REDIRECT,
  accessToken: 'access-secret-1',
  obtainedAt: NOON,
}
/** Every member that a token set of a person may have. */
export const FULL: TokenSet = {
  ...BARE,
  refreshToken: 'refresh-secret-1',
  scope: 'a b',
  requestedScope: 'a b c',
  resource: 'https://mcp.example/mcp',
  expiresAt: NOON + 3_600_000,
  dpopKey: '{"kty":"EC","d":"dpop-secret-1"}',
  user: { issuer: ISSUER, subject: 'ada', claims: { sub: 'ada', email: 'ada@example.com', admin: true } },
}

export const CHALLENGE: Challenge = { status: 401, scope: 'a', resourceMetadata: 'https://mcp.example/prm' }
export const PLAN: AttemptPlan = {
  issuer: ISSUER,
  client: { clientId: 'client', clientSecret: 'client-secret-1', authMethod: 'client_secret_basic' },
  redirectUri: REDIRECT,
  codeVerifier: 'code-verifier-secret-1',
  nonce: 'nonce',
  metadata: { issuer: ISSUER },
  authorizationUrl: 'https://as.example/authorize?x',
}

export const PUBLIC_CLIENT: RegisteredClient = { clientId: 'public', authMethod: 'none' }
export const SECRET_CLIENT: RegisteredClient = {
  clientId: 'confidential',
  clientSecret: 'client-secret-1',
  authMethod: 'client_secret_post',
}

/** A database engine that the stores run on. */
export interface Engine {
  readonly name: string
  /** Makes a new database; each call of what it gives opens it for another process. */
  create(folder: TempFolder): () => Database
}

const hasPostgres = whyNoPostgres() === undefined
const hasPgBouncer = whyNoPgBouncer() === undefined
// What tests open is closed after them.
if (hasPostgres) postgresDatabases()

/** The contract tests of the stores run on each of them. */
export const ENGINES: readonly Engine[] = [
  {
    name: 'SQLite',
    create(folder) {
      const file = folder.fresh('oauth.db')
      return () => sqlOf(folder.database(file))
    },
  },
  ...(hasPostgres ? [{ name: 'PostgreSQL', create: () => postgresDatabases().create() }] : []),
  ...(hasPgBouncer
    ? [{ name: 'PostgreSQL behind PgBouncer', create: () => postgresDatabases().create({ isBounced: true }) }]
    : []),
]

/** The stores of one process. */
function storesOn(database: Database, seal: Seal, clock: Clock) {
  const opensSeal = async () => seal
  return {
    tokens: createTokenStore(database, opensSeal, clock),
    attempts: createAttemptStore(database, opensSeal, clock),
    clients: createClientStore(database, opensSeal, clock),
    cache: createSealedCache(database, opensSeal, clock),
  }
}

/** A way for every process to open the same stores. */
export function processesOn(engine: Engine, folder: TempFolder, clock: Clock) {
  const open = engine.create(folder)
  const seal = createSeal(randomBytes(32))
  return () => storesOn(open(), seal, clock)
}

/** The same on SQLite, with the connection of each process, beside which a test changes rows. */
export function processesWithSqlite(folder: TempFolder, clock = createFakeClock()) {
  const file = folder.fresh('oauth.db')
  const seal = createSeal(randomBytes(32))
  return () => {
    const database = folder.database(file)
    return { file, database, clock, seal, ...storesOn(sqlOf(database), seal, clock) }
  }
}

/** The stores on a new database. */
export const sqliteStores = (folder: TempFolder) => processesWithSqlite(folder)()

/** Begins an attempt, and brings it to the point where its redirect is awaited. */
export function attemptSteps(store: AttemptStore, clock: FakeClock) {
  const begin = (ms = 300_000, key = KEY, challenge = CHALLENGE) => store.begin(key, challenge, clock.now() + ms)
  const waiting = async (key = KEY, challenge = CHALLENGE) => {
    const { attempt } = await begin(300_000, key, challenge)
    await store.plan(attempt.id, PLAN)
    await store.tabOpened(attempt.id)
    return attempt
  }
  return { begin, waiting }
}
