// What the gateway keeps: its clients, what persons gave them, the records of its authorization server, and the keys of its assertions.
import { type Engine, type Migration, rowNumber, timeType } from './migration.ts'

export const gateway: Migration = {
  version: 4,
  name: 'gateway',
  additive: true,
  up: (engine) => `${changed(timeType(engine))}${oauth(timeType(engine))}${people(engine)}`,
  down: () => `
    DROP TABLE audit;
    DROP TABLE signing_keys;
    DROP TABLE web_sessions;
    DROP TABLE consents;
    DROP TABLE refresh_answers;
    DROP TABLE oauth_records;
    DROP TABLE grants;
    DROP TABLE oauth_clients;
    DROP INDEX sessions_end;
    DROP INDEX sessions_one_open;
    DROP INDEX users_email;
    DROP INDEX users_account;
    DELETE FROM users WHERE last_seen_at IS NOT NULL;
    ALTER TABLE users DROP COLUMN last_seen_at;
    ALTER TABLE users DROP COLUMN blocked_at;
    ALTER TABLE sessions DROP COLUMN flow;
    ALTER TABLE sessions DROP COLUMN user_id;
  `,
}

/** Two processes that begin a sign-in for the same key at once have one; of older doubles the newest stays open. */
const changed = (time: string) => `
    ALTER TABLE sessions ADD COLUMN user_id TEXT;
    ALTER TABLE sessions ADD COLUMN flow TEXT;
    UPDATE sessions SET status = 'failed', plan = NULL WHERE status IN ('requested', 'waiting', 'redeeming') AND EXISTS (
      SELECT 1 FROM sessions AS other WHERE other.server = sessions.server AND other.profile = sessions.profile
        AND other.status IN ('requested', 'waiting', 'redeeming')
        AND (other.created_at > sessions.created_at OR (other.created_at = sessions.created_at AND other.id > sessions.id)));
    CREATE UNIQUE INDEX sessions_one_open ON sessions (server, profile) WHERE status IN ('requested', 'waiting', 'redeeming');
    CREATE INDEX sessions_end ON sessions (expires_at);
    ALTER TABLE users ADD COLUMN blocked_at ${time};
    ALTER TABLE users ADD COLUMN last_seen_at ${time};
    CREATE UNIQUE INDEX users_account ON users (issuer, subject) WHERE last_seen_at IS NOT NULL;
    CREATE INDEX users_email ON users (lower(email));
`

const oauth = (time: string) => `
    CREATE TABLE oauth_clients (
      id TEXT PRIMARY KEY,
      metadata TEXT NOT NULL,
      client_secret TEXT,
      source TEXT NOT NULL CHECK (source IN ('registered', 'document')),
      address TEXT,
      created_at ${time} NOT NULL,
      last_used_at ${time},
      blocked_at ${time}
    );
    CREATE INDEX oauth_clients_created ON oauth_clients (source, created_at);
    CREATE INDEX oauth_clients_used ON oauth_clients (last_used_at);
    CREATE TABLE grants (
      id TEXT PRIMARY KEY,
      user_id TEXT NOT NULL,
      client_id TEXT NOT NULL,
      client_name TEXT,
      redirect_host TEXT,
      resource TEXT NOT NULL,
      scope TEXT NOT NULL,
      created_at ${time} NOT NULL,
      last_used_at ${time},
      expires_at ${time} NOT NULL,
      ended_at ${time},
      ended_by TEXT
    );
    CREATE INDEX grants_user ON grants (user_id);
    CREATE INDEX grants_client ON grants (client_id);
    CREATE INDEX grants_end ON grants (expires_at);
    CREATE TABLE oauth_records (
      kind TEXT NOT NULL,
      id_hash TEXT NOT NULL,
      grant_id TEXT,
      client_id TEXT,
      user_id TEXT,
      resource TEXT,
      payload TEXT NOT NULL,
      consumed_at ${time},
      expires_at ${time} NOT NULL,
      PRIMARY KEY (kind, id_hash)
    );
    CREATE INDEX oauth_records_grant ON oauth_records (grant_id);
    CREATE INDEX oauth_records_end ON oauth_records (expires_at);
    CREATE TABLE refresh_answers (
      id_hash TEXT PRIMARY KEY,
      successor_hash TEXT NOT NULL,
      answer TEXT NOT NULL,
      expires_at ${time} NOT NULL
    );
`

const people = (engine: Engine) => {
  const time = timeType(engine)
  return `
    CREATE TABLE consents (
      user_id TEXT NOT NULL,
      client_id TEXT NOT NULL,
      redirect_uri TEXT NOT NULL,
      resource TEXT NOT NULL,
      created_at ${time} NOT NULL,
      PRIMARY KEY (user_id, client_id, redirect_uri, resource)
    );
    CREATE TABLE web_sessions (
      id_hash TEXT PRIMARY KEY,
      user_id TEXT NOT NULL,
      created_at ${time} NOT NULL,
      last_used_at ${time},
      expires_at ${time} NOT NULL
    );
    CREATE INDEX web_sessions_user ON web_sessions (user_id);
    CREATE TABLE signing_keys (
      kid TEXT PRIMARY KEY,
      public_jwk TEXT NOT NULL,
      private_jwk TEXT NOT NULL,
      active_from ${time} NOT NULL,
      retired_at ${time}
    );
    CREATE TABLE audit (
      id ${rowNumber(engine)},
      at ${time} NOT NULL,
      event TEXT NOT NULL,
      user_id TEXT,
      client_id TEXT,
      server TEXT,
      address TEXT,
      detail TEXT
    );
    CREATE INDEX audit_at ON audit (at);
    CREATE INDEX audit_user ON audit (user_id, at);
  `
}
