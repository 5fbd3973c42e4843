// Which redirect URI of the gateway belongs to which provider: where there are several, the address of an answer tells who gave it (RFC 9700 section 4.4.2).
import type { ServeSettings } from '../../gateway/settings.ts'
import { rulesFor } from '../providerPresets.ts'

type Addresses = Pick<ServeSettings, 'callbackUrl' | 'providers'>

/** That of one provider alone: for those whose answers do not name their issuer. undefined: there is only one provider. */
export const ownRedirectUri = ({ callbackUrl, providers }: Addresses, name: string): string | undefined =>
  providers.length < 2 ? undefined : `${callbackUrl}/${encodeURIComponent(name)}`

/** What to register at each provider, a line each; empty: at the only one it is the callback URL. */
export function redirectUrisToRegister(settings: Addresses): string[] {
  const { callbackUrl, providers } = settings
  return providers.flatMap((provider) => {
    const { name, issuer = '', endpoints } = provider
    const own = ownRedirectUri(settings, name)
    if (own === undefined) return []
    const { metadata = {} } = rulesFor({ provider: name, issuer, ...(endpoints ? { endpoints } : {}) })(issuer)
    // Of endpoints that are written down no metadata is asked for, so nothing can promise iss.
    const isFixed = metadata.authorization_endpoint !== undefined && metadata.token_endpoint !== undefined
    const otherwise = `, or ${callbackUrl} if its metadata has ${ISS_PROMISE}: true`
    return [`${name}: ${own}${isFixed ? '' : otherwise}`]
  })
}

const ISS_PROMISE = 'authorization_response_iss_parameter_supported'

/** Segments of a path that two readers could take for different ones, and that the gateway therefore does not answer. */
export const isPathName = (name: string): boolean =>
  name !== '.' && name !== '..' && !/[/\\%;#?\p{Cc}\p{Cf}\p{Cs}]/u.test(name)
