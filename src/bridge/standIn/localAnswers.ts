// Requests that are answered in the server's place: by what it said last while it is not there, and afterwards where the host
// was promised more than it has.
import { asBridgeError } from '../../errors.ts'
import type { SignInWatch } from '../../ports.ts'
import { withoutQueries } from '../../redaction/text.ts'
import type { Message } from '../message/message.ts'
import { find, stringIn } from '../message/pick.ts'
import type { ListMethod } from './answers.ts'
import { type Phase, type Phases, type Told, until } from './phases.ts'
import type { Recall } from './recall.ts'

export interface LocalAnswersOptions {
  readonly phases: Phases
  readonly watch: SignInWatch
  readonly recall: Recall
  /** The server's URL as a model may see it. */
  readonly server: string
  /** What signs a person in. */
  readonly loginCommand: string
  /** How long a call may wait for a person, in ms. */
  readonly holdCallMs: number
  readonly write: (line: Uint8Array) => Promise<void>
}

export interface LocalAnswers {
  /** Answers a request that the server cannot have, or would deny though the host was told otherwise. False: it is the server's. */
  answerLocally(request: Message, initializeServer: InitializeServer): Promise<boolean>
  /** Whether the answer to such a request is to be given to {@link learn}. */
  learns(request: Message): boolean
  /** Keeps what a host may be told next time. */
  learn(request: Message, answer: Message): void
}

/** Initializes the server behind the host's back, with a sign-in where it wants one. */
export type InitializeServer = () => Promise<void>

type ConnectedLater = Extract<Phase, { kind: 'connectedLater' }>

export function createLocalAnswers(options: LocalAnswersOptions): LocalAnswers {
  const { phases, watch, recall, server, write } = options
  /** The tool that stands for the sign-in is on the host's list. */
  let signInToolShown = false

  /** What calling that tool says. Where nobody is waited for, the call is what a person is asked for. */
  const signInCall = async (initializeServer: InitializeServer): Promise<string> => {
    const over = new AbortController()
    try {
      const isAsked = watch.waiting || phases.now.kind === 'connectedLater'
      const work = isAsked ? until(watch, () => !watch.waiting, over.signal) : initializeServer()
      await watch.bounded(work, options.holdCallMs)
    } catch (thrown) {
      const { code, message, hint } = asBridgeError(thrown)
      if (code !== 'sign_in_pending') return withoutQueries(`${message} ${hint}`)
      return `The user has to sign in to ${server}${watch.address === undefined ? '.' : ` at this address: ${watch.address}`}`
    } finally {
      over.abort()
    }
    return phases.now.kind === 'connectedLater'
      ? `The user is signed in to ${server}.`
      : `The user is not signed in to ${server} yet. To sign in, run: ${options.loginCommand}`
  }

  const lastList = async (method: ListMethod, { answers, lists }: Told) => {
    lists.add(answers.LISTS[method].capability)
    const last = await recall.load(method)
    if (method === 'tools/list') signInToolShown = !answers.isKnown(method, last)
    return answers.listResult(method, last, server)
  }

  /** While the server is not there. */
  const inItsPlace = async (request: Message, told: Told): Promise<object | undefined> => {
    const { method } = request
    if (method === 'logging/setLevel') told.replays.push(request)
    if (method === 'ping' || method === 'logging/setLevel') return {}
    return told.answers.isList(method) ? lastList(method, told) : undefined
  }

  /** `undefined`: the server's own answer is the right one. */
  const result = async (
    request: Message,
    phase: Phase,
    told: Told,
    initializeServer: InitializeServer,
  ): Promise<object | undefined> => {
    const found = phase.kind === 'connectedLater' ? whatItLacks(request, phase) : await inItsPlace(request, told)
    if (found || !signInToolShown || request.method !== 'tools/call') return found
    const { answers } = told
    const isSignIn = stringIn(request.bytes, find(request.bytes, ['params', 'name'])) === answers.SIGN_IN_TOOL
    return isSignIn ? answers.signInToolResult(await signInCall(initializeServer)) : undefined
  }

  return {
    async answerLocally(request, initializeServer) {
      const phase = phases.now
      if (!('told' in phase) || request.kind !== 'request') return false
      const found = await result(request, phase, phase.told, initializeServer)
      if (found) await write(phase.told.answers.answerTo(request, found))
      return found !== undefined
    },
    learns: recall.learns,
    learn(request, answer) {
      // After the host has its answer: reading it and the database takes longer than passing it on.
      setImmediate(setImmediate, () => {
        // From the server itself: what was shown in its place is gone from the host's list.
        if (recall.learn(request, answer) && request.method === 'tools/list') signInToolShown = false
      })
    },
  }
}

/** What the host was promised and the server does not have is empty, not an error. */
function whatItLacks({ method }: Message, { capabilities, told }: ConnectedLater): object | undefined {
  if (method === 'logging/setLevel') return capabilities.has('logging') ? undefined : {}
  const { LISTS, isList, emptyList } = told.answers
  return isList(method) && !capabilities.has(LISTS[method].capability) ? emptyList(method) : undefined
}
