// The first schema. Table and column names are those of the troubleshooting guide; docs/storage.md explains each.
import { type Engine, type Migration, rowNumber, timeType } from './migration.ts'

export const initial: Migration = {
  version: 1,
  name: 'initial',
  additive: false,
  up: (engine) => tables(engine),
  down: () => `
    DROP TABLE key_slots;
    DROP TABLE server_cache;
    DROP TABLE leases;
    DROP TABLE clients;
    DROP TABLE sessions;
    DROP TABLE tokens;
    DROP TABLE users;
  `,
}

const tables = (engine: Engine) => {
  const time = timeType(engine)
  return `
    CREATE TABLE users (
      id TEXT PRIMARY KEY,
      issuer TEXT NOT NULL,
      subject TEXT NOT NULL,
      email TEXT,
      name TEXT,
      claims TEXT NOT NULL,
      created_at ${time} NOT NULL,
      updated_at ${time} NOT NULL,
      UNIQUE (issuer, subject)
    );
    CREATE TABLE tokens (
      id ${rowNumber(engine)},
      server TEXT NOT NULL,
      profile TEXT NOT NULL,
      user_id TEXT REFERENCES users (id) ON DELETE SET NULL,
      issuer TEXT,
      client_id TEXT,
      redirect_uri TEXT,
      access_token TEXT,
      refresh_token TEXT,
      dpop_key TEXT,
      grant_type TEXT,
      scope TEXT,
      requested_scope TEXT,
      resource TEXT,
      expires_at ${time},
      obtained_at ${time},
      generation INTEGER NOT NULL,
      spent_at ${time},
      last_error TEXT,
      created_at ${time} NOT NULL,
      updated_at ${time} NOT NULL,
      UNIQUE (server, profile)
    );
    CREATE TABLE sessions (
      id TEXT PRIMARY KEY,
      state TEXT NOT NULL UNIQUE,
      server TEXT NOT NULL,
      profile TEXT NOT NULL,
      status TEXT NOT NULL CHECK (status IN ('requested', 'waiting', 'redeeming', 'finished', 'failed')),
      challenge TEXT NOT NULL,
      plan TEXT,
      opened_at ${time},
      error_code TEXT,
      error_message TEXT,
      error_hint TEXT,
      created_at ${time} NOT NULL,
      expires_at ${time} NOT NULL,
      updated_at ${time} NOT NULL
    );
    CREATE INDEX sessions_open ON sessions (server, profile, status);
    CREATE TABLE clients (
      issuer TEXT NOT NULL,
      redirect_uri TEXT NOT NULL,
      client_id TEXT NOT NULL,
      client_secret TEXT,
      auth_method TEXT NOT NULL,
      secret_expires_at ${time},
      created_at ${time} NOT NULL,
      PRIMARY KEY (issuer, redirect_uri)
    );
    CREATE TABLE leases (
      name TEXT PRIMARY KEY,
      owner TEXT NOT NULL,
      expires_at ${time} NOT NULL
    );
    CREATE TABLE server_cache (
      name TEXT PRIMARY KEY,
      value TEXT NOT NULL,
      expires_at ${time} NOT NULL,
      created_at ${time} NOT NULL
    );
    CREATE TABLE key_slots (
      backend TEXT PRIMARY KEY CHECK (backend IN ('keychain', 'file', 'env', 'claim')),
      item TEXT NOT NULL,
      fingerprint TEXT NOT NULL,
      created_at ${time} NOT NULL
    );
  `
}
