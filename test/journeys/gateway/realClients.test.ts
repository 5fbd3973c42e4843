// Clients of both generations of the official SDK through the gateway, on both engines: they register, a person consents, and everything of MCP works in both eras.
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
})
