// What tests put into the stores, and the stores on every engine that they put it into.
import { randomBytes } from 'node:crypto'
import type { AttemptStore, Clock } from '../../src/ports.ts'
import type { AttemptPlan, Challenge, RegisteredClient, TokenKey, TokenSet } from '../../src/records.ts'
import { createAttemptStore } from '../../src/store/attemptStore.ts'
import { createSealedCache } from '../../src/store/cache.ts'
import { createClientStore } from '../../src/store/clientStore.ts'
import { createSeal, type Seal } from '../../src/store/sealing/seal.ts'
import type { Database } from '../../src/store/sql.ts'
import { createTokenStore } from '../../src/store/tokenStore.ts'
import { createFakeClock, type FakeClock, NOON } from './fakeClock.ts'
import { POSTGRES_ENGINES } from './postgresEngines.ts'
import { hasBetterSqlite3, hasNodeSqlite, withoutBetterSqlite3 } from './sqliteDrivers.ts'
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

/** Every engine; `whyNot`: what this machine lacks. */
export const ALL_ENGINES: readonly { readonly engine: Engine; readonly whyNot: string | undefined }[] = [
  { engine: sqliteEngine('SQLite', (open) => open()), whyNot: undefined },
  {
    engine: sqliteEngine('node:sqlite', withoutBetterSqlite3),
    // Without better-sqlite3, the first one is this one.
    whyNot: hasNodeSqlite && hasBetterSqlite3 ? undefined : 'not both drivers of SQLite are here',
  },
  ...POSTGRES_ENGINES,
]

/** The contract tests of the stores run on each of them; a test in sqlDatabase.test.ts is skipped for each that is not here. */
export const ENGINES: readonly Engine[] = ALL_ENGINES.filter(({ whyNot }) => whyNot === undefined).map(
  ({ engine }) => engine,
)

function sqliteEngine(name: string, within: <T>(open: () => T) => T): Engine {
  return {
    name,
    create(folder) {
      const file = folder.fresh('oauth.db')
      return () => within(() => sqlOf(folder.database(file)))
    },
  }
}

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
