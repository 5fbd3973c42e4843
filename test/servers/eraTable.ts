// A table of features as tests: each host with each server of the columns, one bridge for all rows.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { FEATURES, type Feature, type Table, tryFeature } from './eraFeatures.ts'
import { openPair, type Pair, type ServerKind } from './eraPairs.ts'
import type { HostKind } from './modernHosts.ts'
import { until } from './until.ts'

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
