// What a host of MCP 2026-07-28 is told of the server itself where that does not say it ("Discovery"): what it said last, else what is certain.
import { hostInfoIn } from '../../era/hostInfo.ts'
import type { Message } from '../../message/message.ts'
import type { Bytes } from '../../message/pick.ts'
import { answerWith } from '../answers.ts'
import type { Recall } from '../recall.ts'
import type { ModernStandInOptions } from './modernStandIn.ts'
import { remembered, unknownServer } from './results.ts'

export interface DescriptionOptions extends ModernStandInOptions {
  readonly recall: Recall
}

export interface Description {
  /** The answer to a server/discover that comes before the server has said anything; undefined: the server has to give it. */
  atStart(request: Message): Promise<Uint8Array | undefined>
  /** The answer where the server does not give it. */
  anyway(request: Message): Promise<Uint8Array>
  /** Asks the server again behind the host's back, if it is known to answer. */
  renew(request: Message): void
}

export function createDescription({ era, recall, account, asks, server, version }: DescriptionOptions): Description {
  let isRenewing = false

  const lastSaid = async (): Promise<Bytes | undefined> => {
    const known = await era.known()
    if (known === '2026') return era.discovered()
    const { known: introduction } = known === '2025' ? await recall.loadInitialize() : {}
    if (typeof introduction !== 'object' || introduction === null) return undefined
    const { toDiscoverResult } = await import('../../translation/describe.ts')
    return Buffer.from(toDiscoverResult(Buffer.from(JSON.stringify(introduction))))
  }

  const anyway = async (request: Message) => {
    const discover = await lastSaid().catch(() => undefined)
    return answerWith(request, discover ? remembered(discover) : unknownServer(server, version()))
  }

  return {
    async atStart(request) {
      const known = await era.known()
      if (known === '2026' && (await era.discovered())) return anyway(request)
      const isNobodyThere = known === undefined || (await account()).state === 'signedOut'
      return asks && isNobodyThere ? anyway(request) : undefined
    },
    anyway,
    renew(request) {
      if (era.now !== '2026' || isRenewing) return
      isRenewing = true
      void era
        .ask(hostInfoIn(request), 'background')
        .catch(() => undefined)
        .finally(() => {
          isRenewing = false
        })
    },
  }
}
