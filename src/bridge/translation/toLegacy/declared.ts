// What a 2026 host declares of itself in each request, as a 2025 server hears it once, at the beginning of a session.
import { hostInfoIn } from '../../era/hostInfo.ts'
import type { Message } from '../../message/message.ts'
import { carried, type HostCan, hostCan } from '../hostCan.ts'

export interface Declared {
  /** The same for the same capabilities, in whatever order they are written. */
  readonly key: string
  /** JSON texts for initialize. */
  readonly capabilities: string
  readonly clientInfo: string
  readonly can: HostCan
}

/** Hosts declare the same in each request, so that the last one is remembered. */
export function createDeclared(): (message: Message) => Declared {
  let last: { of: string; declared: Declared } | undefined
  return (message) => {
    const { capabilities: of, clientInfo } = hostInfoIn(message)
    if (last?.of !== of) last = { of, declared: declaredIn(of, clientInfo) }
    return last.declared
  }
}

function declaredIn(text: string, clientInfo: string): Declared {
  const bytes = carried(Buffer.from(text))
  const capabilities = Buffer.from(bytes).toString('utf8')
  return { key: JSON.stringify(sorted(JSON.parse(text))), capabilities, clientInfo, can: hostCan(bytes) }
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null) return value
  const names = Object.keys(value).sort()
  return names.map((name) => [name, sorted((value as Record<string, unknown>)[name])])
}
