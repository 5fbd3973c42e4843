// The lines that docs/troubleshooting.md shows for a gateway, typed as they stand: at one on PostgreSQL to which all of it has happened.
import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openBrowsing } from '../../servers/browsing.ts'
import { closePostgres, type GatewayStage, registerClient, startGatewayStage } from '../../servers/gatewayStage.ts'
import { guideShell } from '../../servers/guideShell.ts'
import { whyNoPostgres } from '../../servers/postgres.ts'
import { startScriptedOrigin } from '../../servers/scriptedOrigin.ts'

const text = readFileSync(new URL('../../../docs/troubleshooting.md', import.meta.url), 'utf8')
const LINES = [...text.matchAll(/```bash\n([\s\S]*?)```/g)]
  .flatMap(([, block = '']) => block.split('\n'))
  .map((line) => line.replace(/\s+#.*$/, ''))
  .filter((line) =>
    /mcp-oauth-proxy|localhost:(8080|3000)|^psql|^pg_isready|^dropdb|^grep .*(proxy\.log|database_url)$/.test(line),
  )
const ENDS_EVERYTHING = LINES.filter((line) => /^dropdb/.test(line))
/** It has the port already. */
const SERVES = /^(\w+=\S+ )?mcp-oauth-proxy( --\S+( \.\S+)?)*$/
/** What needs a bridge, another machine, or never ends. */
const OF_BRIDGE = /grep invalid_state|tail -f|^ssh /

let stage: GatewayStage
let type: ReturnType<typeof guideShell>
let server: Awaited<ReturnType<typeof startScriptedOrigin>>
beforeAll(async () => {
  if (whyNoPostgres()) return
  server = await startScriptedOrigin({ '/': () => ({}), '/endpoint': () => ({ status: 401, json: {} }) })
  stage = await startGatewayStage({
    ...{ engine: 'postgres', asInGuide: true, target: server.origin },
    environment: { DEBUG: 'proxy:headers' },
    config: { cors: { enabled: true, origins: ['http://localhost:3000'] } },
  })
  const { access_token: bearer } = await stage.signIn()
  type = guideShell(stage, server.origin, {
    '~/.local/state/mcp-oauth-bridge/logs': 'logs',
    YOUR_ACCESS_TOKEN: bearer,
    'Bearer TOKEN': `Bearer ${bearer}`,
    [`Origin: ${server.origin}`]: 'Origin: http://localhost:3000',
    'oauth_user:oauth_pass@': '',
    'mcp-oauth-proxy': './mcp-oauth-proxy',
  })
  // What the log then has: a sign-in that failed, a client without PKCE, a server that refuses, and that is gone.
  stage.provider.state.tokenFault = { status: 400, body: 'No.' }
  await stage.signIn().catch(() => undefined)
  stage.provider.state.tokenFault = undefined
  const redirect_uri = 'http://127.0.0.1:33418/callback'
  const client_id = await registerClient(stage.origin, redirect_uri)
  const query = new URLSearchParams({ response_type: 'code', client_id, redirect_uri, resource: stage.url })
  await openBrowsing().follow(`${stage.origin}/authorize?${query}`, redirect_uri)
  const call = () => fetch(`${stage.url}/endpoint`, { headers: { authorization: `Bearer ${bearer}` } })
  await call()
})
afterAll(async () => {
  await stage?.close()
  await server?.close()
  await closePostgres()
})

describe.skipIf(whyNoPostgres() !== undefined)('docs/troubleshooting.md', () => {
  test('shows enough lines for a gateway for the next test to be meaningful', () => {
    expect(LINES.length).toBeGreaterThan(25)
    expect(ENDS_EVERYTHING).toHaveLength(1)
  })

  test('every line for a gateway runs as it stands, and finds what it looks for', async () => {
    const failed: unknown[] = []
    const asked = LINES.filter((line) => !ENDS_EVERYTHING.includes(line) && !OF_BRIDGE.test(line))
    // What needs the server gone comes last.
    const [early, late] = [
      asked.filter((line) => !/Failed to proxy/.test(line)),
      asked.filter((line) => /Failed to proxy/.test(line)),
    ]
    const run = async (line: string) => {
      const { code, out, err } = await type(line, { PGOPTIONS: '' })
      const wanted = SERVES.test(line) ? 2 : 0
      if (code !== wanted || (wanted === 2 && !err.includes('listen_failed'))) failed.push({ line, code, out, err })
    }
    for (const line of early) await run(line)
    await server.close()
    await type('curl -s http://localhost:8080/mcp/endpoint -H "Authorization: Bearer TOKEN"')
    for (const line of late) await run(line)
    expect(failed).toEqual([])
  })

  test('starts fresh on PostgreSQL by its own lines', async () => {
    await stage.first.kill('SIGTERM')
    for (const line of [...ENDS_EVERYTHING, 'mcp-oauth-proxy migrate up'])
      expect([line, await type(line)]).toEqual([line, expect.objectContaining({ code: 0 })])
    await stage.serve()
    await expect(stage.signIn()).resolves.toMatchObject({ status: 200 })
  })
})
