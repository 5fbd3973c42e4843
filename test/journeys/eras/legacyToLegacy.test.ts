// Hosts and servers of 2025, and a host that speaks both, at servers of 2025: what passes, and what a server without sessions cannot do.
import { LEGACY } from '../../servers/eraPairs.ts'
import { AT_LEGACY, describeTable } from '../../servers/eraTable.ts'

describeTable(
  ['v1', 'v2', 'auto'],
  LEGACY,
  // Without a session, the level is forgotten.
  { ...AT_LEGACY, logging: ['works', 'every level', 'works'] },
  ['outputs that are not objects'],
)
