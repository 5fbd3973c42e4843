// Two replicas on one PostgreSQL behind a load balancer that gives each request to the next: sign-ins, refreshes and sessions alternate between them, and a cut stream goes on at the other.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { freePort } from '../../servers/freePort.ts'
import { createSdkSignIn, type SdkSignIn } from '../../servers/gatewayClients.ts'
import { closePostgres, type GatewayStage, startGatewayStage } from '../../servers/gatewayStage.ts'
import { connectSdkHost, type SdkHost } from '../../servers/modernHosts.ts'
import { startModernServer } from '../../servers/modernServers.ts'
import { whyNoPostgres } from '../../servers/postgres.ts'
import { startRoundRobin } from '../../servers/roundRobin.ts'
import { startSdkServer } from '../../servers/sdkServers.ts'
import { until } from '../../servers/until.ts'

afterAll(closePostgres)

const OLD = ['v1', 'v2'] as const
/** 2.4 s: a client that goes on working refreshes again and again. */
const TOKENS = { access_minutes: 0.04 }

describe.skipIf(whyNoPostgres() !== undefined)('two replicas on one database', () => {
  let stage: GatewayStage
  let balancer: Awaited<ReturnType<typeof startRoundRobin>>
  const upstreams: Partial<Record<string, Awaited<ReturnType<typeof startSdkServer>>>> = {}
  let modern: Awaited<ReturnType<typeof startModernServer>>
  const open: SdkHost[] = []
  beforeAll(async () => {
    for (const generation of OLD) upstreams[generation] = await startSdkServer(generation)
    modern = await startModernServer('modern')
    const [one, other] = [await freePort(), await freePort()]
    const serve = (port: number) => ({ access: 'everyone', tokens: TOKENS, listen: `127.0.0.1:${port}` })
    stage = await startGatewayStage({
      engine: 'postgres',
      target: modern.url,
      serve: serve(one),
      config: {
        mcp_server_url: undefined,
        servers: {
          v1: { url: upstreams.v1?.url },
          v2: { url: upstreams.v2?.url },
          modern: { url: modern.url },
        },
      },
    })
    stage.configure({ serve: serve(other) })
    await stage.serve()
    balancer = await startRoundRobin(stage.port, [one, other])
  })
  afterAll(async () => {
    await Promise.all(open.map((host) => host.close()))
    await balancer?.close()
    await stage?.close()
    await Promise.all([modern, upstreams.v1, upstreams.v2].map((server) => server?.close()))
  })

  const connect = async (kind: 'v1' | 'v2' | 'pinned', name: string): Promise<[SdkHost, SdkSignIn]> => {
    const signIn = createSdkSignIn()
    const host = await connectSdkHost(kind, { direct: `${stage.origin}/mcp/${name}`, signIn })
    open.push(host)
    return [host, signIn]
  }

  const LONG = [
    ['v1', 'v1'],
    ['v2', 'v2'],
    ['pinned', 'modern'],
  ] as const
  test('clients that work longer than their tokens live refresh at both, and nobody signs in again', async () => {
    const works = LONG.map(async ([kind, name]) => {
      const [host, { held, tabs }] = await connect(kind, name)
      await until(`three refreshes of ${kind}`, async () => {
        await (name === 'modern' ? host.promptPage() : host.client.listTools())
        return held.refreshes >= 3
      })
      expect(tabs).toHaveLength(1)
    })
    await Promise.all(works)
  })

  test('each step of a sign-in and each request of a session went to both', async () => {
    for (const what of ['POST /token', 'POST /mcp/v1', 'POST /mcp/v2', 'POST /mcp/modern'])
      expect([what, balancer.reached(what)]).toEqual([what, 2])
    const steps = balancer.state.got.map((one) => [...one.keys()].filter((what) => what.startsWith('GET /auth')).length)
    expect(Math.min(...steps)).toBeGreaterThan(0)
  })

  test.each(OLD)(
    'a client %s whose stream is cut in the middle of a call goes on at the other, with Last-Event-ID',
    async (kind) => {
      const [host, { tabs }] = await connect(kind, kind)
      const upstream = upstreams[kind]
      const resumed = upstream?.state.resumed ?? 0
      const initialized = upstream?.state.initialized
      expect(await host.text('cut', {}, { onprogress: () => balancer.cut() })).toBe('whole')
      expect(upstream?.state.resumed).toBeGreaterThan(resumed)
      expect(upstream?.state.initialized).toBe(initialized)
      expect(tabs).toHaveLength(1)
    },
  )

  test.each(OLD)('a client %s asks again for a stream that its server ended, and has its answer', async (kind) => {
    const [host] = await connect(kind, kind)
    expect(await host.text('polled')).toBe('late')
  })
})
