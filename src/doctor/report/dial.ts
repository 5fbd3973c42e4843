// Whether a port takes connections: opens one, says nothing, and closes it.
import { connect } from 'node:net'
import { present } from '../../present.ts'

export const portOf = (url: URL): number => Number(url.port || (url.protocol === 'https:' ? 443 : 80))

/** 'open', 'timeout', or the error code of the system. `timeoutMs` 0: as long as `signal` and the system let it. */
export function dial(
  to: { readonly host: string; readonly port: number },
  timeoutMs: number,
  signal?: AbortSignal,
): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ ...to, ...present({ signal }) })
    const settle = (outcome: string) => {
      clearTimeout(timer)
      socket.destroy()
      resolve(outcome)
    }
    const timer = timeoutMs > 0 ? setTimeout(() => settle('timeout'), timeoutMs) : undefined
    socket.once('connect', () => settle('open'))
    socket.once('error', (error: NodeJS.ErrnoException & { errors?: NodeJS.ErrnoException[] }) =>
      settle(error.code ?? error.errors?.[0]?.code ?? error.name),
    )
  })
}
