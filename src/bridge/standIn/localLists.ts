// The lists of a server that is not there: what it said last, with the tool that signs in as long as that is of use.
import type { BridgeError } from '../../errors.ts'
import type { Clock, SignInWatch } from '../../ports.ts'
import { type Message, parseMessage } from '../message/message.ts'
import { eachElement, find, stringIn } from '../message/pick.ts'
import { isList, isObject, knownList, type ListMethod, listResult } from './answers.ts'
import type { Meeting } from './meet.ts'
import type { Phases, Told } from './phases.ts'
import type { Recall } from './recall.ts'
import { type Account, freeName, signInTool, type Words } from './signInTool.ts'
import { type ToldHere, until } from './told.ts'

export interface LocalListsOptions extends Words {
  readonly phases: Phases
  readonly recall: Recall
  readonly watch: SignInWatch
  readonly clock: Clock
  readonly holdInitializeMs: number
  /** Whose account is used. */
  readonly account: () => Promise<Account>
  readonly meeting: Meeting
}

export interface LocalLists {
  /** The list to give in the server's place; undefined: the server is there by now. Tries to make it so. */
  answer(method: ListMethod, told: Told): Promise<object | undefined>
  /** The same of a server that the host was introduced to, where nobody is signed in any more, it fails, or it is slow. */
  answerLost(method: ListMethod, told: Told, why: BridgeError | 'person' | 'late'): Promise<object>
  /** The name that the tool that signs in has beside what is remembered of the server. */
  signInTool(): Promise<string>
}

export function createLocalLists(options: LocalListsOptions): LocalLists {
  const { phases, recall, watch, clock, holdInitializeMs, account, meeting } = options

  /** A host of 2026 may have been the one before, and a strict host of 2025 refuses some of what that was told. */
  const remembered = async (method: ListMethod): Promise<readonly unknown[] | undefined> => {
    const last = await recall.load(method)
    const list = knownList(method, last)
    if (!list || method !== 'tools/list' || !isObject(last) || last.resultType === undefined) return list
    const { wrapTools } = await import('../translation/output.ts')
    const text = JSON.stringify({ jsonrpc: '2.0', id: 0, result: { tools: list } })
    const answer = parseMessage(Buffer.from(text))
    const wrapped = answer && wrapTools(answer)
    return wrapped ? JSON.parse(Buffer.from(wrapped.bytes).toString()).result.tools : list
  }

  /** Somebody is signed in, or the server has never asked for that. */
  const isUsable = async () => {
    const { state } = await account()
    return state === 'signedIn' || (state === 'unknown' && (await recall.loadInitialize()).known !== undefined)
  }

  /**
   * With nothing to tell, the right list late is better than a wrong one at once: some hosts ask once. But a server that has
   * failed, or of which nothing at all is known, gets no more than a moment.
   */
  const waitFor = async (trying: Promise<void>, { reason }: Told) => {
    const isPatient = reason === undefined && (await isUsable())
    const over = new AbortController()
    const waits = [trying.catch(() => undefined), until(watch, () => watch.waiting, over.signal)]
    if (!isPatient) waits.push(clock.sleep(holdInitializeMs / 2, over.signal).catch(() => undefined))
    await Promise.race(waits)
    over.abort()
  }

  return {
    async answer(method, told) {
      const trying = meeting.run('background')
      trying.catch(() => undefined)
      const known = await remembered(method)
      if (!known) await waitFor(trying, told)
      if (phases.now.kind !== 'answeredHere') return undefined
      return tellList(method, told, known ?? [], await isSignInShown(known, told, options), options)
    },
    async answerLost(method, told, why) {
      if (why !== 'late') told.reason = watch.failure ?? (why === 'person' ? undefined : why)
      return tellList(method, told, (await remembered(method)) ?? [], why !== 'late', options)
    },
    signInTool: async () => freeName((await remembered('tools/list')) ?? []),
  }
}

/** The result for the host, kept as what it was told; with the tool that signs in where that is shown. */
export function tellList(
  method: ListMethod,
  told: ToldHere,
  list: readonly unknown[],
  isSignInShown: boolean,
  words: Words,
): Record<string, unknown> {
  let entries = list
  if (method === 'tools/list') {
    told.toldReason = isSignInShown ? (told.reason?.code ?? '') : undefined
    if (isSignInShown) {
      told.signInTool = freeName(list)
      entries = [...list, signInTool(told.signInTool, told.reason, words)]
    } else if (list.some((tool) => isObject(tool) && tool.name === told.signInTool)) told.signInTool = undefined
  }
  const result = listResult(method, entries)
  told.lists.set(method, result)
  return result
}

/** Whether the tool that signs in is of use beside what is `known` of the server. */
export const isSignInShown = async (
  known: readonly unknown[] | undefined,
  { reason }: ToldHere,
  { watch, account }: Pick<LocalListsOptions, 'watch' | 'account'>,
): Promise<boolean> => !known || reason !== undefined || watch.waiting || (await account()).state === 'signedOut'

/** The host has a list of the server itself instead of what it was told. True: that is the one of its tools. */
export function heardList({ method }: Message, answer: Message, told: ToldHere): boolean {
  if (answer.failed || !isList(method)) return false
  told.lists.delete(method)
  if (method !== 'tools/list') return false
  told.toolsChangedAt = undefined
  told.hasTools = true
  // The host means the server's tool of that name.
  if (told.signInTool !== undefined && hasTool(answer, told.signInTool)) told.signInTool = undefined
  return true
}

function hasTool({ bytes }: Message, name: string): boolean {
  const given = find(bytes, ['result', 'tools'])
  let has = false
  if (given)
    eachElement(bytes, given, (tool) => {
      has ||= stringIn(bytes, find(bytes, ['name'], tool)) === name
    })
  return has
}
