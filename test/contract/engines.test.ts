// Which engines the contracts of the stores ran on.
import { describe, expect, test } from 'vitest'
import { ALL_ENGINES } from '../fakes/storeKit.ts'
import { tempFolder } from '../fakes/tempFolder.ts'

const folder = tempFolder()

describe.each(ALL_ENGINES)('the contracts of the stores', ({ engine, whyNot }) => {
  test.skipIf(whyNot !== undefined)(`run on ${engine.name}`, async () => {
    const [one, other] = [engine.create(folder)(), engine.create(folder)()]
    expect(one.kind).toBe(/^PostgreSQL/.test(engine.name) ? 'postgres' : 'sqlite')
    await one.run("INSERT INTO leases (name, owner, expires_at) VALUES ('a', 'b', '2026-01-15 12:00:00.000')")
    expect(await one.get('SELECT count(*) AS count FROM leases')).toEqual({ count: 1 })
    expect(await other.get('SELECT count(*) AS count FROM leases')).toEqual({ count: 0 })
  })
})
