// The headers of one request to a server: what its client says, and what the gateway says of its caller
import type { IncomingHttpHeaders } from 'node:http'
import { BridgeError } from '../../errors.ts'
import type { Logger } from '../../ports.ts'
import type { User } from '../../records.ts'
import type { Caller, Person, ProviderTokens, RequestContext } from '../ports.ts'
import type { ServedServer, ServeSettings } from '../settings.ts'
import { needsSignIn, noUserToken } from './failure.ts'
import { isOfMessage, plainName } from './headers/names.ts'
import { SESSION } from './headers/toClient.ts'
import { createHeaderRules, type HeaderRules } from './headers/toServer.ts'

export interface OutgoingOptions {
  readonly settings: Pick<ServeSettings, 'publicUrl' | 'forwardHeaders' | 'blockedHeaders' | 'userHeaders'>
  readonly assertion: (served: ServedServer, caller: Caller) => Promise<string>
  readonly tokens: Pick<ProviderTokens, 'current'>
  /** Claims as headers, every value safe. */
  readonly userHeaders: (user: User, map: ServeSettings['userHeaders']) => Record<string, string>
  /** The person's address, where it counts. */
  readonly emailOf: (person: Person) => string | undefined
  readonly log: Logger
}

export interface Outgoing {
  readonly served: ServedServer
  readonly caller: Caller
  readonly headers: IncomingHttpHeaders
  /** As the server knows it. */
  readonly sessionId: string | undefined
  readonly context: Pick<RequestContext, 'address' | 'requestId'>
}

/**
 * Gives the headers, their names in lower case.
 * @throws BridgeError where the server wants the person's own token and there is none; one that may pass by itself as it is
 */
export function createOutgoing(options: OutgoingOptions): (outgoing: Outgoing) => Promise<Record<string, string>> {
  const { settings, log, emailOf } = options
  const { host, protocol } = new URL(settings.publicUrl)
  const rules = new WeakMap<ServedServer, HeaderRules>()
  const rulesFor = (served: ServedServer) => {
    const known = rules.get(served) ?? createHeaderRules(settings, served)
    rules.set(served, known)
    return known
  }
  /** An address that does not count must not look like one that does. */
  const identity = (person: Person) => {
    const claims = { ...person.claims, email: emailOf(person) }
    return options.userHeaders({ issuer: person.issuer, subject: person.subject, claims }, settings.userHeaders)
  }
  /** By server and person: a person is the same object as long as the caller is remembered. */
  const known = new WeakMap<ServedServer, WeakMap<Person, readonly (readonly [string, string])[]>>()
  const identityFor = (served: ServedServer, person: Person, { sends }: HeaderRules) => {
    const persons = known.get(served) ?? new WeakMap()
    known.set(served, persons)
    const headers =
      persons.get(person) ??
      Object.entries(identity(person)).filter(([name]) => sends(name) && !isOfMessage(plainName(name)))
    persons.set(person, headers)
    return headers
  }

  return async ({ served, caller, headers, sessionId, context }) => {
    const rule = rulesFor(served)
    const { fromClient, sendsBearer, withOurs } = rule
    const ours: Record<string, string> = {
      'x-forwarded-host': host,
      'x-forwarded-proto': protocol.slice(0, -1),
      'x-forwarded-for': context.address,
      'x-request-id': context.requestId,
      // What a server compresses could get no comment lines, and nobody here unpacks it.
      'accept-encoding': 'identity',
    }
    for (const [name, value] of identityFor(served, caller.person, rule)) ours[name] = value
    if (sendsBearer) {
      const bearer = await bearerFor(served, caller, options)
      if (bearer !== undefined) ours.authorization = `Bearer ${bearer}`
    }
    const kept = fromClient(headers)
    if (sessionId !== undefined) kept[SESSION] = sessionId
    const all = withOurs(kept, ours)
    if (log.wants?.('proxy:headers')) {
      const stripped = Object.keys(headers).filter((name) => !Object.hasOwn(all, name))
      log.debug('proxy:headers', {
        request: context.requestId,
        names: Object.keys(all).join(' '),
        blocked: stripped.join(' '),
      })
    }
    return all
  }
}

async function bearerFor(
  served: ServedServer,
  caller: Caller,
  { assertion, tokens }: OutgoingOptions,
): Promise<string | undefined> {
  if (served.bearer === 'none') return undefined
  return served.bearer === 'assertion' ? assertion(served, caller) : userToken(caller.person, tokens)
}

async function userToken(person: Person, tokens: OutgoingOptions['tokens']): Promise<string> {
  let token: string | undefined
  try {
    token = await tokens.current(person)
  } catch (thrown) {
    if (!(thrown instanceof BridgeError && needsSignIn(thrown))) throw thrown
    throw noUserToken(thrown.code)
  }
  if (token === undefined) throw noUserToken()
  return token
}
