// A host that speaks 2026-07-28 alone at servers of 2025: the bridge keeps the session and turns the server's questions into results.
import { LEGACY } from '../../servers/eraPairs.ts'
import { AT_LEGACY, describeTable } from '../../servers/eraTable.ts'

// The bridge filters what it forgets without a session.
describeTable(['pinned'], LEGACY, { ...AT_LEGACY, logging: 'works' }, ['outputs that are not objects'])
