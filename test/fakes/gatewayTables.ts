// The tables of the gateway, for a database whose migrations do not bring them yet.
import type { Database } from '../../src/store/sql.ts'

const tables = (time: string) => [
  `ALTER TABLE users ADD COLUMN blocked_at ${time}`,
  `ALTER TABLE users ADD COLUMN last_seen_at ${time}`,
  'CREATE UNIQUE INDEX users_account ON users (issuer, subject) WHERE last_seen_at IS NOT NULL',
  `CREATE TABLE oauth_clients (id TEXT PRIMARY KEY, metadata TEXT NOT NULL, client_secret TEXT, source TEXT NOT NULL, address TEXT,
     created_at ${time} NOT NULL, last_used_at ${time}, blocked_at ${time})`,
  'CREATE INDEX oauth_clients_created ON oauth_clients (source, created_at)',
  'CREATE INDEX oauth_clients_used ON oauth_clients (last_used_at)',
  `CREATE TABLE grants (id TEXT PRIMARY KEY, user_id TEXT NOT NULL, client_id TEXT NOT NULL, client_name TEXT, redirect_host TEXT,
     resource TEXT NOT NULL, scope TEXT NOT NULL, created_at ${time} NOT NULL, last_used_at ${time}, expires_at ${time} NOT NULL,
     ended_at ${time}, ended_by TEXT)`,
  'CREATE INDEX grants_user ON grants (user_id)',
  'CREATE INDEX grants_client ON grants (client_id)',
  'CREATE INDEX grants_end ON grants (expires_at)',
  `CREATE TABLE oauth_records (kind TEXT NOT NULL, id_hash TEXT NOT NULL, grant_id TEXT, client_id TEXT, user_id TEXT, resource TEXT,
     payload TEXT NOT NULL, consumed_at ${time}, expires_at ${time} NOT NULL, PRIMARY KEY (kind, id_hash))`,
  'CREATE INDEX oauth_records_grant ON oauth_records (grant_id)',
  'CREATE INDEX oauth_records_end ON oauth_records (expires_at)',
  `CREATE TABLE refresh_answers (id_hash TEXT PRIMARY KEY, successor_hash TEXT NOT NULL, answer TEXT NOT NULL,
     expires_at ${time} NOT NULL)`,
  `CREATE TABLE web_sessions (id_hash TEXT PRIMARY KEY, user_id TEXT NOT NULL, created_at ${time} NOT NULL, last_used_at ${time},
     expires_at ${time} NOT NULL)`,
  `CREATE TABLE signing_keys (kid TEXT PRIMARY KEY, public_jwk TEXT NOT NULL, private_jwk TEXT NOT NULL,
     active_from ${time} NOT NULL, retired_at ${time})`,
]

/** Adds them where they are missing. */
export async function gatewayTables(database: Database): Promise<void> {
  const row = await database.get('SELECT max(version) AS version FROM schema_migrations')
  if (Number(row?.version) >= 4) return
  for (const table of tables(database.kind === 'postgres' ? 'timestamptz(3)' : 'TEXT')) await database.run(table)
}
