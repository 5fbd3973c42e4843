// How hosts that know server/discover open a server, line by line, as they were watched or read (docs/eras.md); what each has in the end.
import type { Host } from './hostScripts.ts'
import { speakModern } from './modernScript.ts'

/** What the model can call when the host has opened the server, and how the host asks from then on. */
export interface Opened {
  readonly tools: readonly { readonly name: string }[]
  readonly ask: (method: string) => Promise<any>
}

export type Opening = (host: Host) => Promise<Opened>

async function initialize(host: Host, name: string): Promise<Opened> {
  const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name, version: '1' } }
  await host.request('initialize', params)
  host.send({ jsonrpc: '2.0', method: 'notifications/initialized' })
  return { tools: (await host.request('tools/list')).result.tools, ask: (method) => host.request(method) }
}

async function goOn(host: Host, name: string): Promise<Opened> {
  const { ask } = speakModern(host, {}, name)
  return { tools: (await ask('tools/list')).result.tools, ask }
}

export const OPENINGS: Readonly<Record<string, Opening>> = {
  async rmcp(host) {
    const { result } = await speakModern(host, {}, 'rmcp').discover()
    return result ? goOn(host, 'rmcp') : initialize(host, 'rmcp')
  },
  async 'Claude Code 2.1.332'(host) {
    const name = 'claude-code'
    const capabilities = { roots: { listChanged: true }, elicitation: { form: {}, url: {} } }
    const { discover, listen, ask } = speakModern(host, capabilities, name)
    const { result } = await discover()
    if (!result) return initialize(host, name)
    await listen('listen:0')
    const [, { result: listed }] = await Promise.all([discover(), ask('tools/list')])
    return { tools: listed.tools, ask }
  },
  async 'Copilot CLI 1.0.86, answered before it goes on'(host) {
    await speakModern(host, {}, 'copilot').discover()
    return initialize(host, 'copilot')
  },
  async 'Copilot CLI 1.0.86, with both open'(host) {
    const [, opened] = await Promise.all([speakModern(host, {}, 'copilot').discover(), initialize(host, 'copilot')])
    return opened
  },
  async 'one that speaks 2026 only and asks on whatever the answer was'(host) {
    await speakModern(host, {}, 'modern-only').discover()
    return goOn(host, 'modern-only')
  },
}
