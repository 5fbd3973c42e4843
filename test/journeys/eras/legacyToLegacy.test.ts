// Hosts and servers of 2025, and a host that speaks both, at servers of 2025: what passes, and what a server without sessions cannot do.
import { describeTable } from '../../servers/eraTable.ts'

const CANNOT_ASK = ['works', 'never answered', 'works'] as const

describeTable(
  ['v1', 'v2', 'auto'],
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
    logging: ['works', 'every level', 'works'],
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
    // The servers of this table have none; server-everything has.
    'tasks of 2025': /Method not found/,
  },
  ['outputs that are no objects'],
)
