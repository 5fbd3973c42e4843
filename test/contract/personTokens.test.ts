// Token sets of persons of the gateway: kept beside a person's own row, which is neither made nor removed by them.
import { describe, expect, test } from 'vitest'
import type { TokenKey } from '../../src/records.ts'
import { createFakeClock } from '../fakes/fakeClock.ts'
import { BARE, ENGINES, FULL, ISSUER, KEY, processesOn } from '../fakes/storeKit.ts'
import { tempFolder } from '../fakes/tempFolder.ts'

const folder = tempFolder()
const ADA: TokenKey = { server: 'provider:google', profile: '6f8d1c1e-0000-4000-8000-000000000001' }

describe.each(ENGINES)('in $name, the tokens of a person', (engine) => {
  async function setUp() {
    const clock = createFakeClock()
    const open = engine.create(folder)
    const database = open()
    const { tokens } = processesOn({ ...engine, create: () => open }, folder, clock)()
    const row = { id: ADA.profile, issuer: ISSUER, subject: 'ada', claims: '{"sub":"ada"}', now: new Date(clock.now()) }
    await database.run(
      `INSERT INTO users (id, issuer, subject, claims, created_at, updated_at)
       VALUES (:id, :issuer, :subject, :claims, :now, :now)`,
      row,
    )
    const persons = async () =>
      (await database.all('SELECT id, email, claims FROM users ORDER BY id')).filter(({ id }) => id === ADA.profile)
    return { database, tokens, persons }
  }

  test('are read as they were written, and bring the row of the person up to date', async () => {
    const { database, tokens, persons } = await setUp()
    expect(await tokens.replace(ADA, FULL, 0)).toBe(true)
    expect(await tokens.load(ADA)).toEqual({ generation: 1, tokens: FULL })
    expect(await persons()).toMatchObject([{ email: 'ada@example.com' }])
    expect(await database.all('SELECT id FROM users')).toHaveLength(1)
  })

  test('are not among the sign-ins of who uses a bridge on the same database', async () => {
    const { tokens } = await setUp()
    await tokens.replace(ADA, FULL, 0)
    await tokens.replace(KEY, FULL, 0)
    expect((await tokens.list()).map(({ server }) => server)).toEqual([KEY.server])
  })

  test('are kept where a name or an address is no text that every engine takes', async () => {
    const { tokens, persons } = await setUp()
    const claims = { sub: 'ada', email: 'ada\0@example.com', name: 'A\0da' }
    expect(await tokens.replace(ADA, { ...FULL, user: { issuer: ISSUER, subject: 'ada', claims } }, 0)).toBe(true)
    expect(await persons()).toMatchObject([{ email: null }])
    expect((await tokens.load(ADA)).tokens?.user?.claims).toEqual(claims)
  })

  test('stay good when another sign-in of the person tells more of them', async () => {
    const { database, tokens } = await setUp()
    await tokens.replace(ADA, FULL, 0)
    await database.run('UPDATE users SET claims = ?', '{"sub":"ada","auth_time":7}')
    const { accessToken, refreshToken } = FULL
    expect(await tokens.load(ADA)).toMatchObject({ generation: 1, tokens: { accessToken, refreshToken } })
  })

  test('leave the person when they end, and when anybody else signs in or out', async () => {
    const { tokens, persons } = await setUp()
    await tokens.replace(KEY, FULL, 0)
    await tokens.replace(ADA, FULL, 0)
    await tokens.remove(ADA, 1)
    await tokens.replace(KEY, BARE, 1)
    expect(await persons()).toHaveLength(1)
  })

  test('of an account that is no person are kept without one', async () => {
    const { database, tokens } = await setUp()
    const { user: _user, ...nobodys } = FULL
    for (const change of ["UPDATE users SET subject = 'bob'", 'DELETE FROM users']) {
      await database.run(change)
      const { generation } = await tokens.load(ADA)
      expect(await tokens.replace(ADA, FULL, generation)).toBe(true)
      expect((await tokens.load(ADA)).tokens).toEqual(nobodys)
    }
  })
})
