// Reports which exceptions of config.yaml the discovery needed, as warnings that name them.
import type { AuthorizationServerMetadata } from '../../auth/discovery/authorizationServer.ts'
import { isIssuer } from '../../auth/discovery/issuerName.ts'
import { isDefault } from '../../auth/discovery/ownMetadata.ts'
import type { ServerConfig } from '../../config/config.ts'
import type { ErrorCode } from '../../errors.ts'
import type { ProviderRules } from '../../providerRules.ts'
import type { Challenge } from '../../records.ts'
import { quote } from '../../redaction/text.ts'
import { createReach } from '../../system/http/addresses.ts'

export interface Used {
  readonly text: string
  readonly remedy: string
  /** The error without the exception. */
  readonly code: ErrorCode
}

interface Found {
  readonly server: ServerConfig
  readonly metadata: AuthorizationServerMetadata
  /** The issuer under which the metadata was found. */
  readonly issuer: string
  readonly challenge: Challenge | undefined
  /** Of that issuer. */
  readonly rules: ProviderRules
}

export const listsS256 = ({ code_challenge_methods_supported: methods }: AuthorizationServerMetadata): boolean =>
  Array.isArray(methods) && methods.includes('S256')

export async function exceptionsUsed(found: Found): Promise<Used[]> {
  const { metadata, issuer } = found
  const used: Used[] = []
  if (isDefault(metadata))
    used.push({
      text: 'It publishes no metadata; the default endpoints of MCP 2025-03-26 are used: /authorize, /token and /register at its origin.',
      remedy:
        'Ask its owner to publish metadata (RFC 8414). If they do not exist, and the server wants a key instead of a sign-in, pass it with --header-file.',
      code: 'discovery_failed',
    })
  else if (!isIssuer(metadata.issuer, issuer, found.rules))
    used.push({
      text: `The metadata of ${quote(issuer)} names the issuer ${quote(metadata.issuer)}, which trusted_issuers allows.`,
      remedy: 'Ask its owner to make both strings equal; then remove the pair from trusted_issuers in config.yaml.',
      code: 'issuer_mismatch',
    })
  const origins = await refusedOtherwise(found)
  if (origins.length > 0)
    used.push({
      text: `It refers to a private network, which allow_private allows: ${origins.join(', ')}.`,
      remedy: 'Nothing to do if you trust these servers. Otherwise remove them from allow_private in config.yaml.',
      code: 'address_refused',
    })
  return used
}

/** Origins of allow_private that would be refused without it. */
async function refusedOtherwise({ server, metadata, issuer, challenge }: Found): Promise<string[]> {
  const allowed = server.exceptions.allow_private ?? []
  const named = [issuer, challenge?.resourceMetadata, ...Object.values(metadata)]
  const origins = new Set(
    named.flatMap((value) => (URL.canParse(String(value)) ? [new URL(String(value)).origin] : [])),
  )
  const reach = createReach(new URL(server.url), server.issuer === undefined ? [] : [new URL(server.issuer).origin])
  const asked = allowed.filter((origin) => origins.has(origin))
  const refused = await Promise.all(
    asked.map((origin) =>
      reach.check(new URL(origin)).then(
        () => [],
        () => [origin],
      ),
    ),
  )
  return refused.flat()
}
