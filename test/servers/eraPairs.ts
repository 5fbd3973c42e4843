// A host and a server of any two eras, with a bridge and a home of its own between them.
import { startEverything } from './everything.ts'
import { type LegacyKind, startLegacyServer } from './legacyServers.ts'
import type { Given, HostKind } from './modernHosts.ts'
import { type ModernKind, startModernServer } from './modernServers.ts'
import { makeSdkHome, type SdkHome } from './sdkHome.ts'

export type ServerKind = LegacyKind | ModernKind
export type EraServer = Awaited<ReturnType<typeof startLegacyServer>> | Awaited<ReturnType<typeof startModernServer>>

export const LEGACY: readonly LegacyKind[] = ['session', 'stateless', 'sse']
export const MODERN: readonly ModernKind[] = ['modern', 'dual', 'dualSessions']
const isLegacy = (kind: ServerKind): kind is LegacyKind => LEGACY.some((one) => one === kind)

const startServer = (kind: ServerKind): Promise<EraServer> =>
  isLegacy(kind) ? startLegacyServer(kind) : startModernServer(kind)

/** Starts all three; what was started ends with `close`. */
export function openPair(kind: HostKind, serverKind: ServerKind, given?: Given) {
  return inHome(makeSdkHome(), async (home) => {
    const server = await home.keep(startServer(serverKind))
    const connect = isLegacy(serverKind) ? home.connectRefused : home.connect
    const host = await connect(kind, [server.url], given)
    return { host, server, isModernServer: !isLegacy(serverKind), close: home.close }
  })
}

export type Pair = Awaited<ReturnType<typeof openPair>>

/** The same with server-everything, which is a process of its own. */
export function openEverything(kind: HostKind, config?: string) {
  return inHome(makeSdkHome(config), async (home) => {
    const server = await home.keep(startEverything())
    return { host: await home.connectRefused(kind, [server.url]), close: home.close }
  })
}

/** What has begun in it does not outlive a start that fails. */
async function inHome<T>(home: SdkHome, open: (home: SdkHome) => Promise<T>): Promise<T> {
  try {
    return await open(home)
  } catch (error) {
    await home.close()
    throw error
  }
}
