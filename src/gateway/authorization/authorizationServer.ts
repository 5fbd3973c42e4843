// The authorization server towards MCP clients: its endpoints, and the person's part of an authorization request
import type { ServerResponse } from 'node:http'
import type { Clock, HttpClient, Leases, Logger } from '../../ports.ts'
import { SCOPE } from '../http/protectedResource.ts'
import type {
  AuthorizationOutcome,
  AuthorizationServer,
  ClientRegistry,
  GatewaySeal,
  GrantStore,
  PendingAuthorization,
  PersonStore,
  RecordStore,
  RefreshAnswerStore,
} from '../ports.ts'
import type { ServeSettings } from '../settings.ts'
import { createAskedRequests } from './asked.ts'
import { createDocuments } from './documents.ts'
import { createEndpoints } from './endpoints.ts'
import { createEngine, type Engine, type InteractionResult, type Problem } from './engine.ts'
import { problemOf } from './problems.ts'
import { createRedirectFault, redirectHost } from './redirectRules.ts'
import { createResources, type Resources } from './resources.ts'
import { createTokenStep } from './tokenSteps.ts'

export interface AuthorizationServerOptions {
  readonly settings: Pick<ServeSettings, 'publicUrl' | 'servers' | 'clients' | 'tokens' | 'sessionTimeoutMs'>
  readonly records: RecordStore
  readonly refreshAnswers: RefreshAnswerStore
  readonly grants: GrantStore
  readonly clients: ClientRegistry
  readonly persons: Pick<PersonStore, 'byId'>
  readonly leases: Leases
  readonly seal: Pick<GatewaySeal, 'mac' | 'isMac'>
  /** For metadata documents and the key sets of clients; nothing inside is reached through it. */
  readonly http: Pick<HttpClient, 'request'>
  /** An HTTP proxy stands between this process and the internet. */
  readonly isBehindProxy: boolean
  readonly clock: Clock
  readonly log: Logger
  /** Answers with a page, status 400, where no redirect URI is known good. */
  readonly errorPage: (response: ServerResponse, problem: Problem) => void
}

/** Loads the engine. @throws TypeError for settings that it does not take */
export async function createAuthorizationServer(options: AuthorizationServerOptions): Promise<AuthorizationServer> {
  const { settings, clients, persons, clock, log } = options
  const now = () => clock.now()
  const asked = createAskedRequests()
  const resources = createResources(settings.publicUrl, settings.servers)
  const rules = { schemes: settings.clients.redirectSchemes, hosts: settings.clients.redirectHosts }
  const redirectFault = createRedirectFault(rules, settings.clients.known)
  const engine = await createEngine({
    ...options,
    asked,
    resources,
    redirectFault,
    documents: createDocuments({
      http: options.http,
      clients,
      rules,
      hosts: settings.clients.documentHosts,
      namedHostsOnly: options.isBehindProxy,
      now: () => clock.awake(),
      log,
    }),
    tokenStep: createTokenStep({ ...options, now, graceMs: settings.tokens.reuseGraceMs }),
    isPerson: async (id) => {
      const person = await persons.byId(id)
      return person !== undefined && person.blockedAt === undefined
    },
    problemOf,
    showProblem: options.errorPage,
  })
  const endpoints = createEndpoints({ ...options, rules, redirectFault, resources, engine, asked, now })
  return { handle: endpoints, ...personsPart(options, engine, resources) }
}

/** Consent, and what it leads to. */
function personsPart(
  options: AuthorizationServerOptions,
  engine: Engine,
  resources: Resources,
): Pick<AuthorizationServer, 'pending' | 'finish'> {
  const { settings, grants, clients, seal, clock } = options

  const pending: AuthorizationServer['pending'] = async (request, response, flow) => {
    const interaction = await engine.interaction(request, response)
    if (interaction?.uid !== flow) return undefined
    const { client_id: clientId, redirect_uri: redirectUri, resource } = interaction.params
    if (typeof clientId !== 'string' || typeof redirectUri !== 'string' || typeof resource !== 'string')
      return undefined
    const [client, server] = [await engine.client(clientId), resources.server(resource)]
    if (!client || !server) return undefined
    return {
      flow,
      clientId,
      clientName: client.name,
      documentHost: client.isDocument ? new URL(clientId).host : undefined,
      redirectUri,
      resource,
      scope: SCOPE,
      server,
      next: interaction.next,
    }
  }

  const settle = async (asked: PendingAuthorization, outcome: AuthorizationOutcome): Promise<InteractionResult> => {
    if ('error' in outcome) return { error: outcome.error, error_description: outcome.description }
    const { clientId, clientName, redirectUri, resource, scope } = asked
    const personId = outcome.person.id
    // The same one where a browser comes back several times at once.
    const id = seal.mac('grant', JSON.stringify([asked.flow, personId]))
    if (asked.documentHost !== undefined) await keepDocument(clients, engine, clientId)
    await grants.begin({
      id,
      personId,
      clientId,
      clientName,
      redirectHost: redirectHost(redirectUri),
      resource,
      scope,
      expiresAt: clock.now() + settings.tokens.refreshMs,
    })
    await engine.saveGrant({ id, personId, clientId, resource })
    return { login: { accountId: personId, remember: false }, consent: { grantId: id } }
  }

  return {
    pending,
    async finish(request, response, flow, outcome) {
      const asked = await pending(request, response, flow)
      if (!asked || asked.next !== undefined) return asked?.next
      return engine.settle(request, response, await settle(asked, outcome))
    },
  }
}

/** For lists of clients, and for when its host is away. */
async function keepDocument(clients: ClientRegistry, engine: Engine, id: string): Promise<void> {
  const client = await engine.client(id)
  if (client) await clients.save({ id, metadata: client.metadata, secret: undefined, source: 'document' }, undefined)
}
