// Row seals: the columns of a row are authenticated together, and the claims of a user belong to one token set.
import { type Engine, type Migration, timeType } from './migration.ts'

const KEYS = {
  tokens: ['server', 'profile'],
  sessions: ['id'],
  clients: ['issuer', 'redirect_uri'],
  server_cache: ['name'],
}

/** A row that is deleted, by us or by hand, also deletes its seal; its key is the JSON text of the columns, without spaces. */
const triggers = (engine: Engine) => Object.entries(KEYS).map(engine === 'sqlite' ? sqliteTrigger : postgresTrigger)

const sqliteTrigger = ([table, columns]: readonly [string, readonly string[]]) => `
    CREATE TRIGGER ${table}_seal AFTER DELETE ON ${table} BEGIN
      DELETE FROM seals WHERE table_name = '${table}' AND row_key = json_array(${columns.map((name) => `OLD.${name}`).join(', ')});
    END;`

const postgresTrigger = ([table, columns]: readonly [string, readonly string[]]) => `
    CREATE FUNCTION ${table}_seal() RETURNS trigger LANGUAGE plpgsql AS $body$ BEGIN
      DELETE FROM seals WHERE table_name = '${table}'
        AND row_key = '[' || ${columns.map((name) => `to_json(OLD.${name})::text`).join(" || ',' || ")} || ']';
      RETURN OLD;
    END $body$;
    CREATE TRIGGER ${table}_seal AFTER DELETE ON ${table} FOR EACH ROW EXECUTE FUNCTION ${table}_seal();`

export const rowSeals: Migration = {
  version: 2,
  name: 'row seals',
  additive: false,
  up: (engine) =>
    `${seals(engine)}${engine === 'sqlite' ? usersOfTokens : oneUserPerToken}${triggers(engine).join('')}`,
  down: (engine) => `
    ${Object.keys(KEYS)
      .map((table) =>
        engine === 'sqlite'
          ? `DROP TRIGGER ${table}_seal;`
          : `DROP TRIGGER ${table}_seal ON ${table}; DROP FUNCTION ${table}_seal();`,
      )
      .join('\n')}
    DROP TABLE seals;
    ALTER TABLE tokens DROP COLUMN refused_at;
  `,
}

const seals = (engine: Engine) => `
    CREATE TABLE seals (
      table_name TEXT NOT NULL,
      row_key TEXT NOT NULL,
      seal TEXT NOT NULL,
      PRIMARY KEY (table_name, row_key)
    );
    ALTER TABLE tokens ADD COLUMN refused_at ${timeType(engine)};
`

/** Claims that two token sets shared belong to the last sign-in: both keep only the subject. */
const usersOfTokens = `
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
`

/** No database of this engine had users before; one that comes back from here has no such rule any more. */
const oneUserPerToken = 'ALTER TABLE users DROP CONSTRAINT IF EXISTS users_issuer_subject_key;'
