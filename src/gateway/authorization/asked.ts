// What our own steps know of a request before the engine sees it: who asks, its form, and whether it spends a refresh token
import type { IncomingMessage } from 'node:http'
import { plainAddress } from '../http/clientAddress.ts'
import type { RecordKind } from '../ports.ts'

/** The presented refresh token while the engine works on it. */
export interface RefreshRun {
  readonly spentHash: string
  /** 'replay': the engine does all its checks and writes nothing; the kept answer is given. */
  readonly mode: 'rotate' | 'replay'
  /** The engine has done its checks; it is consumed once its answer is kept. */
  isSpent: boolean
  successorHash: string | undefined
  readonly written: { readonly kind: RecordKind; readonly idHash: string }[]
}

export interface Asked {
  /** Of the asking client, as it is counted. */
  readonly address: string
  readonly form: URLSearchParams | undefined
  refresh: RefreshRun | undefined
}

export interface AskedRequests {
  put(request: IncomingMessage, asked: Asked): void
  of(request: IncomingMessage): Asked | undefined
}

export function createAskedRequests(): AskedRequests {
  const known = new WeakMap<IncomingMessage, Asked>()
  return {
    put: (request, asked) => void known.set(request, asked),
    of: (request) => known.get(request),
  }
}

/** An address as it is counted: of IPv6 the network of a subscriber, /64. */
export function addressKey(address: string): string {
  const plain = plainAddress(address)
  if (plain === undefined || !plain.includes(':')) return plain ?? address
  const [head = '', tail] = plain.split('::')
  const left = head === '' ? [] : head.split(':')
  const right = tail === undefined || tail === '' ? [] : tail.split(':')
  const groups = [...left, ...new Array<string>(Math.max(0, 8 - left.length - right.length)).fill('0'), ...right]
  return `${groups.slice(0, 4).join(':')}::/64`
}
