// Clients of both generations of the official SDK through the gateway, on both engines: they register, a person consents, and everything of MCP works in both eras.
import { createRemoteJWKSet, jwtVerify } from 'jose'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Feature, type Table, tryFeature } from '../../servers/eraFeatures.ts'
import type { EraServer, Pair } from '../../servers/eraPairs.ts'
import { AT_LEGACY, AT_MODERN } from '../../servers/eraTable.ts'
import { createSdkSignIn } from '../../servers/gatewayClients.ts'
import { closePostgres, type GatewayStage, startGatewayStage } from '../../servers/gatewayStage.ts'
import { startLegacyServer } from '../../servers/legacyServers.ts'
import { connectSdkHost, type HostKind, type SdkHost } from '../../servers/modernHosts.ts'
import { startModernServer } from '../../servers/modernServers.ts'
import { whyNoPostgres } from '../../servers/postgres.ts'

afterAll(closePostgres)

/** What a client of 2025 and a server of 2025 do beside the gateway. */
const OLD: Table = { ...AT_LEGACY, logging: 'works' }
const NEW: Table = { ...AT_MODERN, 'outputs that are not objects': 'works' }
/** Name of the server, its clients, and what they do: each client at a server that speaks its own era. */
const PAIRS = [
  ['session', ['v1', 'v2', 'auto'], OLD],
  ['modern', ['auto', 'pinned'], NEW],
  ['dual', ['pinned'], NEW],
  ['dualSessions', ['auto'], NEW],
] as const satisfies readonly (readonly [string, readonly HostKind[], Table])[]

describe.each(['sqlite', 'postgres'] as const)('on %s', (engine) => {
  const isMissing = engine === 'postgres' && whyNoPostgres() !== undefined
  let stage: GatewayStage
  const servers: Record<string, EraServer> = {}
  const open: SdkHost[] = []
  /** What clients hold, and no server may see. */
  const own: string[] = []

  beforeAll(async () => {
    if (isMissing) return
    const [session, modern, dual, dualSessions] = await Promise.all([
      startLegacyServer('session'),
      startModernServer('modern'),
      startModernServer('dual'),
      startModernServer('dualSessions'),
    ])
    Object.assign(servers, { session, modern, dual, dualSessions })
    stage = await startGatewayStage({
      engine,
      target: session.url,
      config: {
        mcp_server_url: undefined,
        servers: {
          session: { url: session.url },
          modern: { url: modern.url, bearer: 'user_token' },
          dual: { url: dual.url, bearer: 'none' },
          dualSessions: { url: dualSessions.url },
        },
      },
    })
  })
  afterAll(async () => {
    await Promise.all(open.map((host) => host.close()))
    await stage?.close()
    await Promise.all(Object.values(servers).map((server) => server.close()))
  })

  const connect = async (kind: HostKind, name: string) => {
    const signIn = createSdkSignIn()
    const host = await connectSdkHost(kind, { direct: `${stage.origin}/mcp/${name}`, signIn })
    open.push(host)
    expect(signIn.tabs).toHaveLength(1)
    own.push(signIn.held.tokens.access_token, signIn.held.tokens.refresh_token)
    return host
  }

  for (const [name, hosts, table] of PAIRS)
    for (const kind of engine === 'sqlite' ? hosts : hosts.slice(0, 1))
      describe.skipIf(isMissing)(`client ${kind}, server ${name}`, () => {
        let pair: Pair
        beforeAll(async () => {
          const server = servers[name] as EraServer
          // As it was before the client that came earlier.
          for (const what of ['tools', 'prompts', 'resources'] as const)
            if (server.world.late[what]) server.change(what)
          const host = await connect(kind, name)
          pair = { host, server, isModernServer: name !== 'session', close: async () => undefined }
        })

        for (const [feature, row] of Object.entries(table)) {
          const cell = (Array.isArray(row) ? row[0] : row) as string | RegExp
          test(`${feature}: ${cell}`, () => tryFeature(pair, feature as Feature, cell))
        }
      })

  const callAt = (name: string) =>
    servers[name]?.seen.findLast(({ message }) => message?.method === 'tools/call')?.headers ?? {}
  const bearerAt = (name: string) => callAt(name).authorization?.replace(/^Bearer /, '') ?? ''

  test.skipIf(isMissing)('every server reads who calls in X-User-* headers, and none a token of a client', () => {
    for (const name of Object.keys(servers)) {
      if (servers[name]?.seen.length === 0) continue
      expect([name, callAt(name)]).toMatchObject([name, { 'x-user-id': 'alice', 'x-user-name': 'Alice Example' }])
      const all = JSON.stringify(servers[name]?.seen.map(({ headers }) => headers))
      expect(own.filter((token) => all.includes(token))).toEqual([])
      expect(all).not.toContain('"cookie"')
    }
    expect(own.length).toBeGreaterThan(2)
  })

  test.skipIf(isMissing)(
    'a server verifies its assertion by the published keys, and for another one it is no good',
    async () => {
      const keys = createRemoteJWKSet(new URL(`${stage.origin}/.well-known/jwks.json`))
      const issued = { issuer: stage.origin, audience: servers.session?.url ?? '' }
      const { payload, protectedHeader } = await jwtVerify(bearerAt('session'), keys, issued)
      expect(protectedHeader.alg).toBe('ES256')
      expect(payload).toMatchObject({ name: 'Alice Example', sub: expect.any(String), client_id: expect.any(String) })
      const elsewhere = { ...issued, audience: servers.modern?.url ?? '' }
      await expect(jwtVerify(bearerAt('session'), keys, elsewhere)).rejects.toThrow(/"aud"/)
    },
  )

  test.skipIf(isMissing)('a server with user_token gets the token of the person at the provider', async () => {
    const answer = await fetch(`${stage.provider.issuer}/me`, {
      headers: { authorization: `Bearer ${bearerAt('modern')}` },
    })
    expect(await answer.json()).toMatchObject({ sub: 'alice' })
  })

  test.skipIf(isMissing)('a server with bearer none gets no Authorization', () => {
    expect(callAt('dual')).not.toHaveProperty('authorization')
    expect(callAt('dual')['x-user-id']).toBe('alice')
  })
})
