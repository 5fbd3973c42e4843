// The headers that repeat parameters of a call: as the tools say that the server listed last, which are listed again where it refuses them.
import { memoizeAsync } from '../../memoizeAsync.ts'
import type { KnownAnswers, Logger, MaybePromise } from '../../ports.ts'
import { META } from '../era/revisions.ts'
import type { Deliver } from '../http/body/messages.ts'
import { ownId } from '../http/body/ownId.ts'
import { ask, onlyAnswers } from '../message/ask.ts'
import type { InFlight, PendingRequest } from '../message/inFlight.ts'
import { isAnswerTo, type Message, parseMessage } from '../message/message.ts'
import { eachMember, find, stringIn } from '../message/pick.ts'
import { textAt } from '../message/scan.ts'
import type { ParamHeaders } from './paramHeaders.ts'

export interface MirroredOptions {
  readonly inFlight: InFlight
  readonly log: Logger
  /** What the server listed before this run. */
  readonly known?: KnownAnswers | undefined
  /** Sends one request. Resolves to the server's refusal of its headers. */
  readonly attempt: (pending: PendingRequest, deliver: Deliver) => Promise<Message | undefined>
}

export interface Mirrored {
  /** Delivers the answer to tools/list, without the tools that a host must not see because their annotation is invalid. */
  learning(request: Message, deliver: Deliver): Deliver
  /** `headers` and those of the call's parameters; the same object where there are none. */
  add(headers: Record<string, string>, call: Message): MaybePromise<Record<string, string>>
  /** How often all tools have been listed again. */
  readonly listings: number
  /**
   * Asks the server for its tools, in the name of the host of that call, once for all who wait, and not if they were listed again after
   * the call was sent: `since` is what `listings` was then. What answers somebody else goes to `deliver`. False: it did not list them.
   */
  listAgain(call: PendingRequest, since: number, deliver: Deliver): Promise<boolean>
}

const ANNOTATION = Buffer.from('x-mcp-header')
const MOST_PAGES = 100

export function createMirrored({ inFlight, log, known, attempt }: MirroredOptions): Mirrored {
  let table: ParamHeaders | undefined
  /** The server has listed its tools in this run, or what it listed before has been read. */
  let isListed = known === undefined
  let listing: Promise<boolean> | undefined
  let listings = 0

  const open = memoizeAsync(async () => {
    table = (await import('./paramHeaders.ts')).createParamHeaders({ log })
    return table
  })

  /** No code of it is loaded for a server without such tools. */
  const learn = async (answer: Message): Promise<Message> => {
    isListed = true
    if (answer.failed || (!table && !isAnnotated(answer))) return answer
    return (await open()).learn(answer)
  }

  const recall = memoizeAsync(async () => {
    const last = await known?.load('tools/list').catch((thrown: Error) => {
      log.debug('proxy:learn', { message: thrown.message })
      return undefined
    })
    // What the server has said meanwhile is newer.
    if (isListed || last === undefined) return
    const answer = parseMessage(Buffer.from(JSON.stringify({ jsonrpc: '2.0', id: 0, result: last })))
    if (answer) await learn(answer)
  })

  const page = async (call: Message, cursor: string | undefined, deliver: Deliver): Promise<Message | undefined> => {
    try {
      const answer = await ask(inFlight, listRequest(call, cursor), 'background', attempt, onlyAnswers(deliver))
      return answer?.failed ? undefined : answer
    } catch (thrown) {
      log.debug('proxy:list', { message: thrown instanceof Error ? thrown.message : String(thrown) })
      return undefined
    }
  }

  const list = async (call: Message, deliver: Deliver): Promise<boolean> => {
    let cursor: string | undefined
    for (let pages = 0; pages < MOST_PAGES; pages++) {
      const answer = await page(call, cursor, deliver)
      if (!answer) return pages > 0
      await learn(answer)
      const next = find(answer.bytes, ['result', 'nextCursor'])
      if (!next || stringIn(answer.bytes, next) === undefined) return true
      cursor = textAt(answer.bytes, next)
    }
    return true
  }

  const withOwn = (headers: Record<string, string>, call: Message) => {
    const own = table?.headersFor(call) ?? {}
    return Object.keys(own).length === 0 ? headers : { ...headers, ...own }
  }

  return {
    learning: (request, deliver) => async (message) => {
      await deliver(isAnswerTo(message, request) ? await learn(message) : message)
    },
    // Most calls have nothing to wait for.
    add: (headers, call) => (isListed ? withOwn(headers, call) : recall().then(() => withOwn(headers, call))),
    get listings() {
      return listings
    },
    async listAgain({ message }, since, deliver) {
      if (!listing && listings > since) return true
      listing ??= list(message, deliver)
        .then((isListedAgain) => {
          if (isListedAgain) listings++
          return isListedAgain
        })
        .finally(() => {
          listing = undefined
        })
      return listing
    },
  }
}

const isAnnotated = ({ bytes }: Message) =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).includes(ANNOTATION)

const SAID: readonly string[] = [META.version, META.capabilities, META.client]

/** What a host says of itself in a call, said again. */
function listRequest({ bytes }: Message, cursor: string | undefined): Message {
  const said: string[] = []
  const meta = find(bytes, ['params', '_meta'])
  if (meta)
    eachMember(bytes, meta, (name, value) => {
      if (SAID.includes(name)) said.push(`${JSON.stringify(name)}:${textAt(bytes, value)}`)
    })
  const from = cursor === undefined ? '' : `"cursor":${cursor},`
  const text = `{"jsonrpc":"2.0","id":${JSON.stringify(ownId())},"method":"tools/list","params":{${from}"_meta":{${said.join(',')}}}}`
  return parseMessage(Buffer.from(text)) as Message
}
