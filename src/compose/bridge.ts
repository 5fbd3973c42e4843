// Picks the parts of the message path: the relay between the host's streams and the server, with the authorizer in between.
import { createAuthorizer } from '../auth/authorizer.ts'
import { createLazyAuthorizer, readAhead } from '../auth/lazyAuthorizer.ts'
import type { Tokens } from '../auth/tokens/tokens.ts'
import { boundWaiting } from '../bridge/host/backpressure.ts'
import { createLineWriter } from '../bridge/host/stdout.ts'
import { createSend } from '../bridge/http/send.ts'
import { createRelay, type Relay } from '../bridge/relay.ts'
import type { Account } from '../bridge/standIn/signInTool.ts'
import { createHostSignIn } from '../bridge/standIn/standIn.ts'
import type { Config } from '../config/config.ts'
import { keyOf, serverOf } from '../config/target.ts'
import { isSecretHeader } from '../redaction/names.ts'
import { loginCommand, shownUrl } from '../redaction/shownUrl.ts'
import { boundCalls, type PendingSignIn } from '../signin/pending.ts'
import { createEraMemory } from '../store/eraMemory.ts'
import { createKnownAnswers } from '../store/knownAnswers.ts'
import type { Network } from './network.ts'
import type { Runtime } from './runtime.ts'
import type { Storage } from './storage.ts'

export interface BridgeParts {
  readonly http: Network['http']
  readonly storage: Storage
  readonly tokens: () => Promise<Tokens>
  readonly pending: PendingSignIn
}

/** Bytes of the host that may wait for the server before we stop reading the host. */
const HOST_WAITING = 64 * 1024 * 1024

/** `onHostGone` is called when the host no longer reads. @throws BridgeError usage where no server is named */
export function composeRelay(
  config: Config,
  { clock, log, stdin, stdout, version }: Runtime,
  { http, storage, tokens, pending }: BridgeParts,
  onHostGone: () => void,
): Relay {
  const server = serverOf(config)
  const url = new URL(server.url)
  const { holdInitializeMs, holdCallMs, requestTimeoutMs, hideTools, profile } = config
  http.warm(url)
  const lazy = createLazyAuthorizer(async () =>
    createAuthorizer({ ...authorizerOf(config), tokens: await tokens(), clock, log }),
  )
  const send = createSend(http, boundCalls(lazy, pending, holdCallMs), url, requestTimeoutMs, clock)
  readAhead(lazy, url)
  const writer = createLineWriter(stdout, onHostGone)
  const hiddenTools = hideTools.length === 0 ? undefined : openHiddenTools(hideTools)
  const cache = async () => (await storage.open()).answers
  const known = createKnownAnswers(cache, keyOf(config), clock)
  // A store that cannot be read is the error of the request that needs it.
  const account = (): Promise<Account> => accountOf(config, storage).catch(() => ({ state: 'signedIn' }))
  const standIn = {
    watch: pending,
    holdInitializeMs,
    holdCallMs,
    clock,
    log,
    write: writer.write,
    server: shownUrl(server.url),
    version,
    asks: config.loginMode !== 'never',
    loginCommand: loginCommand(server.url, profile, server.name),
    account,
    hiddenTools,
    known,
  }
  const relay = createRelay({
    signIn: {
      isSignedOut: async () => (await account()).state === 'signedOut',
      legacy: createHostSignIn(standIn),
      async modern(conversation, inFlight, era) {
        const { createModernStandIn } = await import('../bridge/standIn/modern/modernStandIn.ts')
        return createModernStandIn({ ...standIn, era })(conversation, inFlight)
      },
    },
    known,
    holdCallMs,
    authorizer: lazy,
    protocol: server.protocol,
    eras: createEraMemory(cache, keyOf(config), clock),
    writer,
    url,
    send,
    clock,
    log,
    answerLimit: config.serverLimit,
    timeoutMs: requestTimeoutMs,
    transport: server.transport,
    ...(hiddenTools === undefined ? {} : { hiddenTools }),
  })
  return { ...relay, line: boundWaiting(HOST_WAITING, stdin, relay.line) }
}

/** Who the host is signed in as, before the server has been asked. */
async function accountOf(config: Config, { open }: Storage): Promise<Account> {
  const { headers, grant } = serverOf(config)
  const { generation, tokens, lastErrorCode } = await (await open()).tokens.load(keyOf(config))
  const { email, name, preferred_username: username } = tokens?.user?.claims ?? {}
  const named = [email, name, username].find((one) => typeof one === 'string' && one !== '')
  // With a key in a header, or as this program itself, nobody has to sign in.
  const isKnown = grant === 'client_credentials' || Object.entries(headers).some((one) => isSecretHeader(...one))
  const isSignedIn = tokens !== undefined && lastErrorCode !== 'token_expired'
  if (!isSignedIn && !isKnown) return { state: generation === 0 ? 'unknown' : 'signedOut' }
  return { state: 'signedIn', name: named as string | undefined }
}

/** What the authorizer sends besides the token. */
export function authorizerOf(config: Config) {
  const { userHeaders, forwardHeaders, blockedHeaders } = config
  return { userHeaders, headers: serverOf(config).headers, forward: forwardHeaders, blocked: blockedHeaders }
}

const openHiddenTools = async (patterns: readonly string[]) =>
  (await import('../bridge/hideTools.ts')).createHiddenTools(patterns)
