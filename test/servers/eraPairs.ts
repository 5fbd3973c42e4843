// A host and a server of any two eras, with a bridge and a home of its own between them.
import { expect } from 'vitest'
import { startEverything } from './everything.ts'
import { makeHome } from './home.ts'
import { type LegacyKind, startLegacyServer } from './legacyServers.ts'
import { connectSdkHost, type HostKind } from './modernHosts.ts'
import { type ModernKind, startModernServer } from './modernServers.ts'

export type ServerKind = LegacyKind | ModernKind

export const LEGACY: readonly LegacyKind[] = ['session', 'stateless', 'sse']
export const MODERN: readonly ModernKind[] = ['modern', 'dual', 'dualSessions']
const isLegacy = (kind: ServerKind): kind is LegacyKind => LEGACY.some((one) => one === kind)

const startServer = (kind: ServerKind) => (isLegacy(kind) ? startLegacyServer(kind) : startModernServer(kind))

/** Starts all three; what was started ends with `close`. */
export async function openPair(host: HostKind, server: ServerKind) {
  const started = await startServer(server)
  const bridged = await throughBridge(host, started.url, host === 'pinned' && isLegacy(server)).catch(async (error) => {
    await started.close()
    throw error
  })
  return {
    host: bridged.host,
    server: started,
    isModernServer: !isLegacy(server),
    async close() {
      await bridged.close()
      await started.close()
    },
  }
}

export type Pair = Awaited<ReturnType<typeof openPair>>

/** The same with server-everything, which is a process of its own. */
export async function openEverything(host: HostKind, config?: string) {
  const server = await startEverything()
  const bridged = await throughBridge(host, server.url, host === 'pinned', config).catch(async (error) => {
    await server.close()
    throw error
  })
  return {
    host: bridged.host,
    async close() {
      await bridged.close()
      await server.close()
    },
  }
}

/**
 * A host on a bridge that nobody has to sign in for. A host of 2026 alone is refused at its first start with a server of 2025, and from
 * the second one on it is known for what it is: `refusedFirst`.
 */
export async function throughBridge(kind: HostKind, url: string, refusedFirst = false, config?: string) {
  const home = makeHome()
  const words = [url, ...(config === undefined ? [] : ['--config', home.write('config.yaml', config)])]
  const connect = () => connectSdkHost(kind, { words, environment: home.environment })
  try {
    if (refusedFirst) await expect(connect()).rejects.toThrow('did not offer pinned protocol version')
    const host = await connect()
    return {
      host,
      home,
      async close() {
        await host.close()
        home.remove()
      },
    }
  } catch (error) {
    home.remove()
    throw error
  }
}
