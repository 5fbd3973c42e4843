// A host that speaks 2026-07-28 alone at servers of 2025: the bridge keeps the session and turns the server's questions into results.
import { describeTable } from '../../servers/eraTable.ts'

// Whoever has no session asks, and is answered into the void.
const CANNOT_ASK = ['works', 'never answered', 'works'] as const

describeTable(
  ['pinned'],
  ['session', 'stateless', 'sse'],
  {
    'who it is': 'works',
    tools: 'works',
    resources: 'works',
    templates: 'works',
    prompts: 'works',
    pagination: 'works',
    completion: 'works',
    progress: 'works',
    cancellation: 'works',
    logging: 'works',
    'list changes': ['works', 'nothing comes', 'works'],
    'resource updates': ['works', 'nothing comes', 'works'],
    sampling: CANNOT_ASK,
    'elicitation, form': CANNOT_ASK,
    'elicitation, URL': CANNOT_ASK,
    roots: CANNOT_ASK,
    'two questions at once': CANNOT_ASK,
    'one question after the other': CANNOT_ASK,
    'a question outside the call’s stream': CANNOT_ASK,
    'a question of a prompt': CANNOT_ASK,
    'a question of a resource': CANNOT_ASK,
    'a state without a question': 'works',
    'forty calls at once': 'works',
    '5 MB answers': 'works',
    'headers from parameters': 'none',
    'tasks of 2025': /Method not found/,
  },
  ['outputs that are no objects'],
)
