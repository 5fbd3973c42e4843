// Hosts and servers of 2026-07-28: the host's own bytes pass, with the headers that the revision wants, at each kind of server.
import { MODERN } from '../../servers/eraPairs.ts'
import { AT_MODERN, describeTable } from '../../servers/eraTable.ts'

describeTable(['auto', 'pinned'], MODERN, { ...AT_MODERN, 'outputs that are not objects': 'works' }, [
  'a question outside the call’s stream',
])
