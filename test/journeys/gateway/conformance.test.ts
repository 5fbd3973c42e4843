// The public conformance suite at servers of both eras that have what its scenarios ask for: through the gateway each scenario has the result that it has beside it.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { resultsOfServer } from '../../servers/conformance.ts'
import { freePort } from '../../servers/freePort.ts'
import { type GatewayStage, startGatewayStage } from '../../servers/gatewayStage.ts'
import { startLegacyServer } from '../../servers/legacyServers.ts'
import { startModernServer } from '../../servers/modernServers.ts'
import { startRoundRobin } from '../../servers/roundRobin.ts'

/** Whatever the server does, the gateway itself refuses other names of itself. */
const BETTER = { 'dns-rebinding-protection': '2 passed, 0 failed' }

describe.each([
  ['2025-11-25', () => startLegacyServer('session', { conformance: true }), 75],
  ['2026-07-28', () => startModernServer('dualSessions', { conformance: true }), 110],
] as const)('a server of %s', (revision, start, least) => {
  let server: Awaited<ReturnType<typeof start>>
  let stage: GatewayStage
  let front: Awaited<ReturnType<typeof startRoundRobin>>
  beforeAll(async () => {
    server = await start()
    const port = await freePort()
    stage = await startGatewayStage({ target: server.url, serve: { listen: `127.0.0.1:${port}` } })
    front = await startRoundRobin(stage.port, [port])
    const { access_token: token } = await stage.signIn()
    front.state.headers = { authorization: `Bearer ${token}` }
  })
  afterAll(async () => {
    await front?.close()
    await stage?.close()
    await server?.close()
  })

  test('passes through the gateway what it passes beside it', async () => {
    const beside = await resultsOfServer(server.url, revision)
    const passed = Object.values(beside).reduce((sum, result) => sum + Number.parseInt(result, 10), 0)
    expect(passed).toBeGreaterThanOrEqual(least)
    expect(await resultsOfServer(stage.url, revision)).toEqual({ ...beside, ...BETTER })
  })
})
