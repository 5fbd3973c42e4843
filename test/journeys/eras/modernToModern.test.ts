// Hosts and servers of 2026-07-28: the host's own bytes pass, with the headers that the revision wants, at each kind of server.
import { describeTable } from '../../servers/eraTable.ts'

describeTable(
  ['auto', 'pinned'],
  ['modern', 'dual', 'dualSessions'],
  {
    'who it is': 'works',
    tools: 'works',
    'outputs that are no objects': 'works',
    resources: 'works',
    templates: 'works',
    prompts: 'works',
    pagination: 'works',
    completion: 'works',
    progress: 'works',
    cancellation: 'works',
    logging: 'works',
    'list changes': 'works',
    'resource updates': 'works',
    sampling: 'works',
    'elicitation, form': 'works',
    'elicitation, URL': 'works',
    roots: 'works',
    'two questions at once': 'works',
    'one question after the other': 'works',
    'a question of a prompt': 'works',
    'a question of a resource': 'works',
    'a state without a question': 'works',
    'forty calls at once': 'works',
    '5 MB answers': 'works',
    'headers from parameters': 'works',
    'tasks of 2025': /Method not found/,
  },
  // There is no stream outside a request on which such a server could ask.
  ['a question outside the call’s stream'],
)
