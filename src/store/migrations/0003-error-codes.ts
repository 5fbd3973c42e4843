// Why a sign-in ended, as a code beside the words: what reports it decides by the code.
import type { Migration } from './migration.ts'

export const errorCodes: Migration = {
  version: 3,
  name: 'error codes',
  additive: false,
  up: () => 'ALTER TABLE tokens ADD COLUMN last_error_code TEXT;',
  down: () => 'ALTER TABLE tokens DROP COLUMN last_error_code;',
}
