// What is known of a server, and what it says when it is asked, as a test scripts it.
import type { ServerEra } from '../../src/bridge/era/serverEra.ts'
import type { Era } from '../../src/eraMemory.ts'

interface Script {
  /** What is remembered. */
  readonly known?: Era
  /** What the server says of itself: its era, or why it says nothing. */
  readonly truth?: () => Era | undefined | Promise<Era | undefined>
  readonly discover?: object
}

export function createFakeServerEra({ known, truth = () => known, discover = {} }: Script) {
  let now = known
  let asked = 0
  let asOld = 0
  const text = Buffer.from(JSON.stringify(discover))
  const ask: ServerEra['ask'] = async () => {
    asked++
    const era = await truth()
    now = era ?? now
    return { era, discover: era === '2026' ? text : undefined }
  }
  const era: ServerEra = {
    get now() {
      return now
    },
    isOld: true,
    known: async () => now,
    find: async (question, cause) => now ?? (await ask(question, cause)).era,
    discovered: async () => (now === '2026' ? text : undefined),
    ask,
    async askIfOld() {
      asOld++
    },
  }
  return {
    era,
    get asked() {
      return asked
    },
    /** How often it was to be asked again if what is known of it is old. */
    get asOld() {
      return asOld
    },
  }
}
