// Threat: a process that is killed before each of its writes, and a database that goes away: nobody loses a sign-in, and what cannot go on says so.
import pg from 'pg'
import { afterAll, describe, expect, onTestFinished, test } from 'vitest'
import { openBrowsing } from '../../servers/browsing.ts'
import { closePostgres, type GatewayStage, startGatewayStage, tokenAt } from '../../servers/gatewayStage.ts'
import { startMcpServer } from '../../servers/mcpServer.ts'
import { whyNoPostgres } from '../../servers/postgres.ts'
import { until } from '../../servers/until.ts'

afterAll(closePostgres)

const TABLES = ['users', 'tokens', 'sessions', 'grants', 'oauth_records', 'refresh_answers']
const LOCK = 4711

/** Holds back one write, counted from now: whoever makes it waits inside of its statement. */
async function holdWrites(database: string) {
  const client = new pg.Client({ connectionString: database })
  await client.connect()
  await client.query(`CREATE SEQUENCE held_writes;
    CREATE TABLE held_at (number int, seen text);
    INSERT INTO held_at VALUES (0, '');
    CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      IF nextval('held_writes') = (SELECT number FROM held_at) THEN PERFORM pg_advisory_xact_lock(${LOCK}); END IF;
      RETURN NEW;
    END $$;
    ${TABLES.map((table) => `CREATE TRIGGER hold BEFORE INSERT OR UPDATE ON ${table} FOR EACH ROW EXECUTE FUNCTION hold();`).join('\n')}
    SELECT pg_advisory_lock(${LOCK});`)
  const waiting = async () => {
    const { rows } = await client.query(
      "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND objid = $1",
      [LOCK],
    )
    return rows.map(({ pid }) => Number(pid))
  }
  return {
    from: (number: number) => client.query(`ALTER SEQUENCE held_writes RESTART; UPDATE held_at SET number = ${number}`),
    waiting,
    /** The writes that wait are never made. */
    async drop() {
      await client.query('UPDATE held_at SET number = 0')
      for (const pid of await waiting()) await client.query('SELECT pg_terminate_backend($1)', [pid])
      await until('the held write to be gone', async () => (await waiting()).length === 0)
    },
    close: () => client.end(),
  }
}

/** What the client and the person do when a process has been killed before that write; undefined: there are not so many. */
async function killedAt(
  stage: GatewayStage,
  holds: Awaited<ReturnType<typeof holdWrites>>,
  { number, clientId }: { readonly number: number; readonly clientId: string },
) {
  let running = stage.last()
  const seen: string[] = []
  let isOver = false
  await holds.from(number)
  const death = until('the write, or the end', async () => isOver || (await holds.waiting()).length > 0).then(
    async () => {
      if (isOver) return
      await running.kill('SIGKILL')
      await holds.drop()
      running = await stage.serve()
      seen.push('killed')
    },
  )
  const again = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work()
    } catch (thrown) {
      if (!(thrown instanceof TypeError)) throw thrown
      await death
      return work()
    }
  }
  const browsing = openBrowsing([], () => death)
  let signedIn = true
  const asked = await again(() => stage.code({ browsing, clientId })).catch((thrown: Error) => {
    signedIn = false
    return thrown.message
  })
  if (typeof asked === 'string') seen.push(asked)
  else {
    const redeemed = await again(() => tokenAt(stage.origin, asked))
    if (redeemed.status === 200) {
      const refresh = { grant_type: 'refresh_token', client_id: asked.client_id ?? '' }
      const token = redeemed.body.refresh_token
      const refreshed = await again(() => tokenAt(stage.origin, { ...refresh, refresh_token: token }))
      expect(refreshed.status, `a refresh after write ${number}: ${JSON.stringify(refreshed.body)}`).toBe(200)
      const call = await fetch(stage.url, {
        ...{ method: 'POST', headers: { authorization: `Bearer ${refreshed.body.access_token}` } },
        body: '{"jsonrpc":"2.0","id":1,"method":"ping"}',
      })
      expect(call.status).toBe(200)
    } else {
      signedIn = false
      seen.push(`${redeemed.status} ${redeemed.body.error}: ${redeemed.body.error_description}`)
    }
  }
  isOver = true
  await death
  return { wasKilled: seen.includes('killed'), signedIn, said: seen.filter((one) => one !== 'killed') }
}

describe.skipIf(whyNoPostgres() !== undefined)('on PostgreSQL', () => {
  test('a process that is killed before any write of a sign-in or a refresh ends nothing without words', async () => {
    const server = await startMcpServer()
    onTestFinished(() => server.close())
    const stage = await startGatewayStage({ engine: 'postgres', target: server.url })
    onTestFinished(() => stage.close())
    const { clientId } = await stage.signIn()
    const holds = await holdWrites(stage.database ?? '')
    onTestFinished(() => holds.close())
    let kills = 0
    for (let number = 1; ; number++) {
      const { wasKilled, signedIn, said } = await killedAt(stage, holds, { number, clientId })
      if (!wasKilled) break
      kills++
      // It went on, or the client and the person were told to begin again.
      if (!signedIn) expect(said, `killed before write ${number}`).toEqual([expect.stringMatching(BEGIN_AGAIN)])
    }
    expect(kills).toBeGreaterThan(10)
    await holds.from(0)
    // And who begins anew gets in.
    expect((await stage.signIn()).status).toBe(200)
  }, 240_000)

  test('a database that goes away is told in words, and the gateway recovers by itself', async () => {
    const server = await startMcpServer()
    onTestFinished(() => server.close())
    const stage = await startGatewayStage({ engine: 'postgres', target: server.url })
    onTestFinished(() => stage.close())
    const { access_token, refresh_token, clientId } = await stage.signIn()
    const call = (bearer = access_token) =>
      fetch(stage.url, {
        ...{ method: 'POST', headers: { authorization: `Bearer ${bearer}` } },
        body: '{"jsonrpc":"2.0","id":1,"method":"ping"}',
      })
    expect((await call()).status).toBe(200)
    const refresh = () =>
      tokenAt(stage.origin, { grant_type: 'refresh_token', refresh_token: refresh_token ?? '', client_id: clientId })
    const cluster = await stage.cluster()
    await cluster?.stop()
    const unknown = await call('never-seen')
    expect([unknown.status, await unknown.text()]).toEqual([503, expect.stringContaining('database_unreachable')])
    expect(await refresh()).toMatchObject({ status: 503, body: { error: 'temporarily_unavailable' } })
    expect((await fetch(`${stage.origin}/ready`)).status).toBe(503)
    expect((await fetch(`${stage.origin}/health/live`)).status).toBe(200)
    expect(stage.first.said()).not.toContain('oauth_pass')
    await cluster?.start()
    await until('the gateway to recover', async () => (await fetch(`${stage.origin}/ready`)).status === 200)
    expect((await call()).status).toBe(200)
    expect((await refresh()).status).toBe(200)
  }, 60_000)
})

/** At the client, or on a page. */
const BEGIN_AGAIN =
  /invalid_grant|access_denied|server_error|temporarily_unavailable|Start again|This sign-in is over|is not open here|Invalid state/
