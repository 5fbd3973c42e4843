// A home with SDK hosts that nobody has to sign in for, each on a bridge, and the servers they talk to: all of it ends together.
import { expect } from 'vitest'
import { makeHome } from './home.ts'
import { connectSdkHost, type Given, type HostKind, type SdkHost } from './modernHosts.ts'

interface Closing {
  close(): unknown
}

/** `config`: text of its config file; '' for none. */
export function makeSdkHome(config = '') {
  const home = makeHome()
  const environment: NodeJS.ProcessEnv = {
    ...home.environment,
    ...(config === '' ? {} : { CONFIG_PATH: home.write('config.yaml', config) }),
  }
  const hosts: SdkHost[] = []
  const kept: Closing[] = []

  async function connect(kind: HostKind, words: readonly string[], given: Given = {}): Promise<SdkHost> {
    const host = await connectSdkHost(kind, { words, environment }, given)
    hosts.push(host)
    return host
  }

  return {
    environment,
    /** A host on a bridge with these words. */
    connect,
    /** The same at a server of 2025 in a new home: a host of 2026 alone is refused at its first start, and known for what it is from then on. */
    async connectRefused(kind: HostKind, words: readonly string[], given: Given = {}): Promise<SdkHost> {
      if (kind === 'pinned')
        await expect(connect(kind, words, given)).rejects.toThrow('did not offer pinned protocol version')
      return connect(kind, words, given)
    },
    /** What ends with the home, after its hosts. */
    async keep<T extends Closing>(starting: T | Promise<T>): Promise<T> {
      const one = await starting
      kept.push(one)
      return one
    },
    async close() {
      await Promise.all(hosts.map((host) => host.close()))
      await Promise.all(kept.map((one) => one.close()))
      home.remove()
    },
  }
}

export type SdkHome = ReturnType<typeof makeSdkHome>
