// The tokens of many persons at the providers that they signed in with: kept from a sign-in, current, and refreshed once for all processes.
import { BridgeError } from '../../errors.ts'
import type { Clock, Leases, Logger, TokenStore } from '../../ports.ts'
import type { TokenKey, TokenRecord, TokenSet } from '../../records.ts'
import type { RefreshStrategy } from './leasedRefresh.ts'
import type { Refresh } from './refresh.ts'
import { isExpired } from './tokenSet.ts'
import { createTokens, type Tokens } from './tokens.ts'

/** A provider, as far as its tokens are concerned. */
export interface TokenProvider {
  readonly name: string
  readonly issuer: string
  readonly strategy: RefreshStrategy
  readonly refresh: () => Promise<Refresh>
  /** What a person can do where it gives no refresh token. */
  readonly withoutRefreshToken: string | undefined
}

export interface ProviderTokensOptions {
  readonly store: TokenStore
  readonly leases: Leases
  readonly clock: Clock
  readonly log: Logger
  readonly providers: readonly TokenProvider[]
}

/** Whose tokens: the id under which they are kept, and the issuer of the account. */
interface Owner {
  readonly id: string
  readonly issuer: string
}

/** `server` of the attempts and tokens of a provider; the profile is whose they are. */
export const providerServer = (name: string) => `provider:${name}`

/** Persons whose tokens are looked after in this process; who comes last replaces who has not come for longest. */
const MOST_PERSONS = 10_000

export function createProviderTokens(options: ProviderTokensOptions) {
  const { store, clock, providers } = options
  const active = new Map<string, Tokens>()

  const tokensOf = (provider: TokenProvider, personId: string): Tokens => {
    const key = keyOf(provider.name, personId)
    const place = `${key.server} ${key.profile}`
    const tokens = active.get(place) ?? createPersonTokens(options, provider, key)
    active.delete(place)
    active.set(place, tokens)
    const [oldest] = active.keys()
    if (active.size > MOST_PERSONS && oldest !== undefined) active.delete(oldest)
    return tokens
  }

  const providersOf = ({ issuer }: Owner) => providers.filter((provider) => provider.issuer === issuer)

  /** Where this person has tokens. */
  const signedInAt = async (person: Owner) => {
    for (const provider of providersOf(person)) {
      const record = await store.load(keyOf(provider.name, person.id))
      if (record.tokens) return { provider, record, tokens: record.tokens }
    }
    return undefined
  }

  return {
    /** Stores the tokens of a sign-in; a refresh token that it did not bring is carried over from before. */
    async keep(provider: string, personId: string, tokens: TokenSet): Promise<void> {
      const key = keyOf(provider, personId)
      for (;;) {
        const record = await store.load(key)
        if (await store.replace(key, withRefreshToken(tokens, record), record.generation)) return
      }
    },

    /** The access token to send now, refreshed first where it has expired. undefined: there is none that lives. */
    async current(person: Owner): Promise<string | undefined> {
      for (const provider of providersOf(person)) {
        const tokens = await tokensOf(provider, person.id).current()
        if (tokens && !isExpired(tokens, clock.now())) return tokens.accessToken
      }
      return undefined
    },

    /** Before this process ends: resolves when no refresh runs and what the last ones brought is stored, or after so many ms. */
    async idle(ms: number): Promise<void> {
      await Promise.all([...active.values()].map((tokens) => tokens.idle(ms)))
    },

    /** @throws BridgeError refresh_token_missing, token_expired, and why the provider cannot be asked */
    async refreshNow(person: Owner): Promise<{ readonly expiresAt: number | undefined }> {
      const found = await signedInAt(person)
      if (!found) throw new BridgeError('token_expired', { message: NOTHING, hint: AGAIN })
      const { provider, tokens } = found
      if (tokens.refreshToken === undefined || provider.strategy !== 'auto') throw withoutRefreshToken(found)
      const refreshed = await tokensOf(provider, person.id).refreshNow()
      if (refreshed) return { expiresAt: refreshed.expiresAt }
      const { lastError = 'The refresh token was refused.' } = await store.load(keyOf(provider.name, person.id))
      throw new BridgeError('token_expired', { message: lastError, hint: AGAIN })
    },
  }
}

const NOTHING = 'No tokens of the provider are stored for this person.'
const AGAIN = 'Sign in again.'

const keyOf = (provider: string, personId: string): TokenKey => ({
  server: providerServer(provider),
  profile: personId,
})

/** Nobody can be asked here: a person signs in through a browser of their own. */
const createPersonTokens = (options: ProviderTokensOptions, provider: TokenProvider, key: TokenKey) =>
  createTokens({
    ...options,
    key,
    refresh: provider.refresh,
    strategy: provider.strategy,
    mode: 'never',
    requestSignIn: async () => {
      throw new BridgeError('not_signed_in')
    },
  })

/** Google gives one with the first consent only. One that was refused, or of another client or account, is not carried over. */
function withRefreshToken(tokens: TokenSet, { tokens: before, lastError }: TokenRecord): TokenSet {
  const isSame =
    before?.issuer === tokens.issuer &&
    before.clientId === tokens.clientId &&
    before.user?.subject === tokens.user?.subject
  if (tokens.refreshToken !== undefined || before?.refreshToken === undefined || !isSame || lastError !== undefined)
    return tokens
  return { ...tokens, refreshToken: before.refreshToken }
}

function withoutRefreshToken({ provider, tokens }: { provider: TokenProvider; tokens: TokenSet }): BridgeError {
  if (tokens.refreshToken !== undefined)
    return new BridgeError('refresh_token_missing', {
      message: `refresh_strategy: ${provider.strategy} is set for ${provider.name}, so its tokens are not refreshed.`,
      hint: AGAIN,
    })
  const lives = tokens.expiresAt === undefined ? ' It did not say that the access token expires.' : ''
  return new BridgeError('refresh_token_missing', {
    message: `The provider ${provider.name} gave no refresh token.${lives}`,
    hint: provider.withoutRefreshToken ?? AGAIN,
  })
}
