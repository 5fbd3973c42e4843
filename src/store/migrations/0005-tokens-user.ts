// An index for the tokens of a person: without it, each person who is deleted costs a look at every row of tokens.
import type { Migration } from './migration.ts'

export const tokensUser: Migration = {
  version: 5,
  name: 'tokens_user',
  additive: true,
  up: () => 'CREATE INDEX tokens_user ON tokens (user_id);',
  down: () => 'DROP INDEX tokens_user;',
}
