// Hosts of 2025 at servers of 2026-07-28: the bridge answers the handshake, asks the server's questions and listens for the host.
import { MODERN } from '../../servers/eraPairs.ts'
import { AT_MODERN, describeTable } from '../../servers/eraTable.ts'

describeTable(
  ['v1', 'v2'],
  MODERN,
  // A 2025 host knows objects alone.
  { ...AT_MODERN, 'outputs that are not objects': 'wrapped' },
  ['a question outside the call’s stream'],
)
