// A table of features as tests: each host with each server of the columns, one bridge for all rows; and the rows that depend on the servers alone.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { FEATURES, type Feature, type Table, tryFeature } from './eraFeatures.ts'
import { openPair, type Pair, type ServerKind } from './eraPairs.ts'
import type { HostKind } from './modernHosts.ts'
import { until } from './until.ts'

const EVERYWHERE = {
  'who it is': 'works',
  tools: 'works',
  resources: 'works',
  templates: 'works',
  prompts: 'works',
  pagination: 'works',
  completion: 'works',
  progress: 'works',
  cancellation: 'works',
  'a state without a question': 'works',
  'forty calls at once': 'works',
  '5 MB answers': 'works',
  // 2025's own. The servers of these tables have none, and say so themselves; server-everything has.
  'tasks of 2025': /Method not found/,
} as const

/** Whoever has no session asks, and is answered into the void. */
const ASKED_IN_SESSION = ['works', 'never answered', 'works'] as const
const HEARD_IN_SESSION = ['works', 'nothing comes', 'works'] as const

/** At the servers of LEGACY. */
export const AT_LEGACY = {
  ...EVERYWHERE,
  'list changes': HEARD_IN_SESSION,
  'resource updates': HEARD_IN_SESSION,
  sampling: ASKED_IN_SESSION,
  'elicitation, form': ASKED_IN_SESSION,
  'elicitation, URL': ASKED_IN_SESSION,
  roots: ASKED_IN_SESSION,
  'two questions at once': ASKED_IN_SESSION,
  'one question after the other': ASKED_IN_SESSION,
  'a question outside the call’s stream': ASKED_IN_SESSION,
  'a question of a prompt': ASKED_IN_SESSION,
  'a question of a resource': ASKED_IN_SESSION,
  'headers from parameters': 'none',
} as const satisfies Table

/** At the servers of MODERN, which have no stream outside a request on which they could ask. */
export const AT_MODERN = {
  ...EVERYWHERE,
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
  'headers from parameters': 'works',
} as const satisfies Table

/** Every feature has a row, or `without` says why not. */
export function describeTable(
  hosts: readonly HostKind[],
  servers: readonly ServerKind[],
  table: Table,
  without: readonly Feature[] = [],
): void {
  test('the table has a row for every feature', () => {
    expect([...Object.keys(table), ...without].sort()).toEqual(Object.keys(FEATURES).sort())
  })

  for (const host of hosts)
    for (const [column, server] of servers.entries())
      describe(`host ${host}, server ${server}`, () => {
        let pair: Pair
        beforeAll(async () => {
          pair = await openPair(host, server)
        })
        // The host ends: no session is left at the server, and Node had nothing to complain about.
        afterAll(async () => {
          if (!pair) return
          await pair.host.close()
          await until('no session at the server', () => pair.server.sessions() === 0)
          const { stderr } = pair.host.said
          await pair.close()
          expect(stderr).not.toMatch(/Warning:/)
        })

        for (const [name, row] of Object.entries(table)) {
          const cell = (Array.isArray(row) ? row[column] : row) as string | RegExp
          test(`${name}: ${cell}`, () => tryFeature(pair, name as Feature, cell))
        }
      })
}
