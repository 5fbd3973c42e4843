// The requests of one client, sent another way where the server refuses one: by another authentication method, or without what nobody configured.
import { BridgeError, isTransient, reworded } from '../../errors.ts'
import type { Addition, RegisteredClient } from '../../records.ts'
import { HEADER_ALONE } from '../oauth/authentication.ts'
import type { OAuthClient } from '../oauth/client.ts'
import { atTokenEndpoint, type Configured, leaveOut, type Refused, refusedAdditions, type Sent } from './additions.ts'

export interface OtherWaysOptions {
  readonly client: RegisteredClient
  /** The same client with another method. */
  readonly connectWith: (authMethod: string) => Promise<OAuthClient>
  /** Called after the server accepted a method that is not the client's own. */
  readonly onMethod: (authMethod: string) => Promise<void>
  readonly configured: Configured
  readonly relation: Refused['relation']
  /** What this server has refused before. */
  readonly leftOut: readonly Addition[]
  readonly onLeftOut: (additions: readonly Addition[]) => Promise<void>
}

/** Each method once for each request; then the first refusal is thrown. */
export async function withOtherWays(options: OtherWaysOptions): Promise<OAuthClient> {
  const { client, connectWith, configured, leftOut, onLeftOut } = options
  const oauth = await connectWith(client.authMethod)
  const send = byAnyMethod(oauth, options)

  const withoutRefused = async <S extends Sent, T>(
    asked: S,
    work: (oauth: OAuthClient, sent: S) => Promise<T>,
    at: Pick<OtherWaysOptions, 'leftOut' | 'relation' | 'onLeftOut'> = options,
  ): Promise<T> => {
    const refused: Addition[] = []
    for (let sent = leaveOut(asked, at.leftOut); ; ) {
      const result = await send((way) => work(way, sent)).catch((thrown: unknown) => {
        const more = refusedAdditions(thrown, { sent, configured, relation: at.relation })
        if (more.length === 0) throw thrown
        refused.push(...more)
        return undefined
      })
      if (result !== undefined) {
        if (refused.length > 0 && result !== 'rejected') await at.onLeftOut(refused)
        return result
      }
      sent = leaveOut(sent, refused)
    }
  }

  const refreshing = {
    leftOut: atTokenEndpoint(leftOut),
    // Whatever a refresh asks for, it gets no more than the sign-in did (RFC 6749 section 6).
    relation: 'own',
    onLeftOut: (additions: readonly Addition[]) =>
      onLeftOut(additions.map((addition) => (addition === 'resource' ? 'token_resource' : addition))),
  } as const

  return {
    authorizationUrl: oauth.authorizationUrl,
    redeem: (...request) => send((way) => way.redeem(...request)),
    revoke: (...request) => send((way) => way.revoke(...request)),
    clientCredentials: (parameters) => withoutRefused(parameters, (way, sent) => way.clientCredentials(sent)),
    deviceAuthorization: (parameters) => withoutRefused(parameters, (way, sent) => way.deviceAuthorization(sent)),
    pollDevice: (parameters, ...wants) => withoutRefused(parameters, (way, sent) => way.pollDevice(sent, ...wants)),
    refresh: (refreshToken, parameters) =>
      withoutRefused(parameters, (way, sent) => way.refresh(refreshToken, sent), refreshing),
  }
}

const METHODS = ['client_secret_basic', 'client_secret_post']

/** A registered client may have a secret that its server does not want, or be at one that refuses its id beside the header. */
function otherMethods({ clientSecret, authMethod, own }: RegisteredClient): string[] {
  if (clientSecret === undefined || authMethod === 'private_key_jwt') return []
  return [...METHODS, ...(own === undefined ? ['none', HEADER_ALONE] : [])].filter((method) => method !== authMethod)
}

function byAnyMethod(first: OAuthClient, { client, connectWith, onMethod }: OtherWaysOptions) {
  let accepted = first

  return async <T>(work: (oauth: OAuthClient) => Promise<T>): Promise<T> => {
    const refusal = await work(accepted).then(
      (value) => ({ value }),
      (thrown: unknown) => ({ thrown }),
    )
    if ('value' in refusal) return refusal.value
    if (!isAboutClient(refusal.thrown) || accepted !== first) throw refusal.thrown
    for (const method of otherMethods(client)) {
      const other = await connectWith(method)
      const accept = async () => {
        accepted = other
        await onMethod(method)
      }
      try {
        const value = await work(other)
        await accept()
        return value
      } catch (thrown) {
        if (isTransient(thrown)) throw thrown
        if (!isRefusal(thrown) || isAboutClient(thrown)) continue
        // Whatever is refused now, the client is not.
        await accept()
        throw afterChange(thrown)
      }
    }
    throw refusal.thrown
  }
}

const isRefusal = (thrown: unknown): thrown is BridgeError =>
  thrown instanceof BridgeError && typeof thrown.details.error === 'string'

/** A method that the server does not take, or a client that it does not know: it says the same of both. */
const isAboutClient = (thrown: unknown) =>
  thrown instanceof BridgeError && (thrown.code === 'invalid_client' || thrown.details.about === 'client')

const afterChange = (error: BridgeError) => reworded(error, { details: { methodChanged: true } })

/** A code may be spent by the first try, with a method that the server does not take (OAuth 2.1 section 4.1.3). */
export const isCodeSpentByMethod = ({ details }: BridgeError): boolean =>
  details.methodChanged === true && details.error === 'invalid_grant'
