// Of a name's addresses, the one that answered last is tried first: a dead one costs a second only once.
import { lookup as lookUp } from 'node:dns'
import type { LookupFunction, Socket } from 'node:net'
import type { Connect } from './connections.ts'

/** How many names are known: for a gateway, anybody names the hosts of client metadata documents. */
const MOST_NAMES = 100

export interface LastAnswered {
  /** Resolves like the lookup that it was made with, in another order. */
  readonly lookup: LookupFunction
  /** The same connector; notes the address of each connection. */
  noting(connector: Connect): Connect
}

export function createLastAnswered(resolve: LookupFunction = lookUp): LastAnswered {
  const answered = new Map<string, string>()

  const note = (name: string, { remoteAddress }: Socket) => {
    if (remoteAddress === undefined) return
    answered.delete(name)
    answered.set(name, remoteAddress)
    const [oldest] = answered.keys()
    if (answered.size > MOST_NAMES && oldest !== undefined) answered.delete(oldest)
  }

  return {
    lookup(name, options, callback) {
      resolve(name, options, (error, found, family) => {
        const first = answered.get(name)
        if (error || !Array.isArray(found) || first === undefined) return callback(error, found, family)
        const isFirst = ({ address }: { address: string }) => address === first
        callback(null, [...found.filter(isFirst), ...found.filter((one) => !isFirst(one))])
      })
    },
    noting: (connector) => (options, callback) =>
      connector(options, (...result) => {
        const [, socket] = result
        // Through a tunnel it is the proxy's address.
        if (socket && !options.httpSocket) note(options.hostname, socket)
        callback(...result)
      }),
  }
}
