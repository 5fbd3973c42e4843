// Row seals: the columns of a row are authenticated together, and the claims of a user belong to one token set.
import type { Migration } from '../migrate.ts'

const KEYS = {
  tokens: ['server', 'profile'],
  sessions: ['id'],
  clients: ['issuer', 'redirect_uri'],
  server_cache: ['name'],
}

/** A row that is deleted, by us or with sqlite3, also deletes its seal. */
const triggers = Object.entries(KEYS).map(
  ([table, columns]) => `
    CREATE TRIGGER ${table}_seal AFTER DELETE ON ${table} BEGIN
      DELETE FROM seals WHERE table_name = '${table}' AND row_key = json_array(${columns.map((name) => `OLD.${name}`).join(', ')});
    END;`,
)

export const rowSeals: Migration = {
  version: 2,
  name: 'row seals',
  // Claims that two token sets shared belong to the last sign-in: both keep only the subject.
  up: `
    CREATE TABLE seals (
      table_name TEXT NOT NULL,
      row_key TEXT NOT NULL,
      seal TEXT NOT NULL,
      PRIMARY KEY (table_name, row_key)
    );
    ALTER TABLE tokens ADD COLUMN refused_at TEXT;
    CREATE TABLE users_of_tokens (
      id TEXT PRIMARY KEY,
      issuer TEXT NOT NULL,
      subject TEXT NOT NULL,
      email TEXT,
      name TEXT,
      claims TEXT NOT NULL,
      created_at TEXT NOT NULL,
      updated_at TEXT NOT NULL
    );
    INSERT INTO users_of_tokens
      SELECT tokens.server || ' ' || tokens.profile || ' ' || users.id, users.issuer, users.subject,
        CASE WHEN shared.times = 1 THEN users.email END, CASE WHEN shared.times = 1 THEN users.name END,
        CASE WHEN shared.times = 1 THEN users.claims ELSE '{}' END, users.created_at, users.updated_at
      FROM tokens JOIN users ON users.id = tokens.user_id
        JOIN (SELECT user_id, count(*) AS times FROM tokens GROUP BY user_id) AS shared ON shared.user_id = users.id;
    CREATE TABLE user_ids AS SELECT id, server || ' ' || profile || ' ' || user_id AS user_id FROM tokens WHERE user_id IS NOT NULL;
    UPDATE tokens SET user_id = NULL;
    DROP TABLE users;
    ALTER TABLE users_of_tokens RENAME TO users;
    UPDATE tokens SET user_id = (SELECT user_ids.user_id FROM user_ids WHERE user_ids.id = tokens.id);
    DROP TABLE user_ids;
    ${triggers.join('')}
  `,
  down: `
    ${Object.keys(KEYS)
      .map((table) => `DROP TRIGGER ${table}_seal;`)
      .join('\n')}
    DROP TABLE seals;
    ALTER TABLE tokens DROP COLUMN refused_at;
  `,
}
