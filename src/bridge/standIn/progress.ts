// Tells the address of a sign-in under each call that waits for it, as progress (MCP "Progress"): hosts show that at once.
import type { PendingRequest } from '../message/inFlight.ts'
import { find } from '../message/pick.ts'
import { textAt } from '../message/scan.ts'
import type { NoticeOptions } from './notice.ts'

/** How often a waiting call is told again, in ms. */
const AGAIN_MS = 10_000
/** It must grow with each message, and the server's own, which may follow and begin with 0, must be larger. */
const progressOf = (step: number) => -0.001 / step

/** `look` is to be called when something of the sign-in has changed, and when a call begins to wait. */
export function createProgress({ watch, server, clock, log, write, calls }: NoticeOptions): { look(): void } {
  const told = new WeakMap<PendingRequest, { readonly step: number; readonly address: string }>()
  let repeating = false

  const tell = async (call: PendingRequest, address: string) => {
    const token = tokenOf(call)
    if (token === undefined) return
    const step = (told.get(call)?.step ?? 0) + 1
    told.set(call, { step, address })
    const message = JSON.stringify(`Sign in to ${server}: ${address}`)
    const params = `{"progressToken":${token},"progress":${progressOf(step)},"message":${message}}`
    await write(Buffer.from(`{"jsonrpc":"2.0","method":"notifications/progress","params":${params}}`))
  }

  const tellAll = async (again: 'again' | 'once') => {
    const { address } = watch
    if (address === undefined) return
    for (const call of calls()) if (again === 'again' || told.get(call)?.address !== address) await tell(call, address)
  }

  const repeat = async () => {
    repeating = true
    while (watch.waiting) {
      await clock.sleep(AGAIN_MS)
      await tellAll('again')
    }
    repeating = false
  }

  const failed = (thrown: Error) => log.warn('proxy:sign-in', { message: thrown.message })

  return {
    look() {
      tellAll('once').catch(failed)
      if (watch.waiting && !repeating) repeat().catch(failed)
    },
  }
}

/** JSON text of the token, which goes back as it came; undefined: the host wants no progress. */
function tokenOf({ message: { bytes } }: PendingRequest): string | undefined {
  const at = find(bytes, ['params', '_meta', 'progressToken'])
  const token = at && textAt(bytes, at)
  return token !== undefined && /^["\d-]/.test(token) ? token : undefined
}
