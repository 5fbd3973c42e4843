// The providers that people sign in with at the gateway: the entries of `providers` that hold a client of ours.
import type { ServedProvider } from '../../gateway/settings.ts'
import { quote } from '../../redaction/text.ts'
import { nearest } from '../file/nearest.ts'
import type { ProviderEntry } from '../file/schema.ts'
import { namesIn, type ReadConfig, requireSet } from '../file/unset.ts'
import { presetOf } from '../providerPresets.ts'
import { endpointsOf, issuerOf } from '../server.ts'
import { readTextFile } from '../textFile.ts'
import type { ServeFault } from './faults.ts'
import { isPathName } from './redirectUris.ts'

/** What is wrong goes into `faults`, a sentence each. @throws BridgeError config_invalid, config_not_found */
export function servedProviders(file: ReadConfig, faults: ServeFault[]): ServedProvider[] {
  const chosen = file.serve?.providers
  const known = namesIn(file, 'providers')
  for (const name of chosen ?? [])
    if (!known.includes(name)) faults.push(unknown(['serve', 'providers'], name, 'providers', known))
  const found = (chosen ?? known).flatMap((name) => {
    requireSet(file.unset, 'providers', name)
    const entry = Object.hasOwn(file.providers ?? {}, name) ? file.providers?.[name] : undefined
    return entry === undefined ? [] : [{ name, entry }]
  })
  const usable = found.filter(({ name, entry }) => {
    if (entry.client_id !== undefined && entry.client_credentials !== true) return true
    if (chosen)
      faults.push({ key: ['providers', name], text: `serve.providers names ${quote(name)}, ${whyNot(entry)}.` })
    return false
  })
  if (usable.length === 0 && faults.length === 0)
    faults.push({
      key: ['providers'],
      text: 'No entry of providers has a client_id: register a client with the provider that people sign in with, and set it there.',
    })
  const providers = usable.map(({ name, entry }) => served(file, name, entry, faults))
  const named = new Set(usable.filter(({ entry }) => hasOwnIssuer(entry)).map(({ name }) => name))
  faults.push(...mixedAccounts(providers, named), ...unfitNames(providers))
  return providers
}

const hasOwnIssuer = ({ issuer, tenant_id: tenant }: ProviderEntry) => issuer !== undefined || tenant !== undefined

/** An account is its issuer and subject. Where only the origin of endpoints names the issuer, two services of one host would share accounts. */
function mixedAccounts(providers: readonly ServedProvider[], named: ReadonlySet<string>): ServeFault[] {
  return providers.flatMap((one, index) =>
    providers
      .slice(index + 1)
      .filter((other) => one.issuer !== undefined && one.issuer === other.issuer)
      .filter((other) => !named.has(one.name) || !named.has(other.name))
      .filter((other) => one.endpoints?.token_endpoint !== other.endpoints?.token_endpoint)
      .map((other) => ({
        key: ['providers', other.name],
        text: `providers.${one.name} and providers.${other.name} are on one host with different endpoints: set issuer of each, or their accounts would count as the same.`,
      })),
  )
}

/** Of several providers, each may have a redirect URI that ends with its name. */
function unfitNames(providers: readonly ServedProvider[]): ServeFault[] {
  if (providers.length < 2) return []
  return providers
    .filter(({ name }) => !isPathName(name))
    .map(({ name }) => ({
      key: ['providers', name],
      text: `The name ${quote(name)} of a provider cannot end its redirect URI, as it does where there are several: use letters, digits, - and _.`,
    }))
}

const whyNot = ({ client_id: id }: ProviderEntry) =>
  id === undefined
    ? 'which has no client_id: register a client with the provider'
    : 'which has client_credentials: true, and cannot sign people in'

function served(file: ReadConfig, name: string, entry: ProviderEntry, faults: ServeFault[]): ServedProvider {
  const { client_id: clientId = '', client_secret_file: secretFile, client_key_file: keyFile, prompt, audience } = entry
  const issuer = issuerOf(entry) ?? presetOf({ name })?.issuer
  if (issuer === undefined)
    faults.push({
      key: ['providers', name],
      text: `providers.${name} needs its issuer, or authorization_endpoint and token_endpoint, so that people can sign in with it.`,
    })
  return {
    name,
    issuer,
    clientId,
    clientSecret: secretFile === undefined ? entry.client_secret : readTextFile(secretFile, 'client secret file'),
    clientKey: keyFile === undefined ? undefined : readTextFile(keyFile, 'client key file'),
    scopes: entry.scopes,
    endpoints: endpointsOf(entry),
    authorizeParameters: {
      ...(prompt === undefined ? {} : { prompt }),
      ...(audience === undefined ? {} : { audience }),
      ...entry.authorize_params,
    },
    refreshStrategy: entry.refresh_strategy ?? file.refresh_strategy ?? 'auto',
  }
}

/** A name that is not in `map`, with the closest one. */
export function unknown(key: readonly string[], name: string, map: string, known: readonly string[]): ServeFault {
  const near = nearest(name, known)
  const guess = near === undefined ? '.' : `; did you mean ${quote(near)}?`
  return { key, text: `${key.join('.')} names ${quote(name)}, which is not in ${map}${guess}` }
}
