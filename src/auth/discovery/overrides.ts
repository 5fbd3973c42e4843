// The exceptions that a person can configure for one server, and their effect. Each is narrow and shown by `status`.
import { quote } from '../../redaction/text.ts'

/** Metadata found under `expected` that names itself `named`; both must match exactly. */
export interface IssuerPair {
  readonly expected: string
  readonly named: string
}

export interface SecurityOverrides {
  /** Plain http outside loopback. */
  readonly allowHttp: boolean
  /** Metadata that does not list PKCE with S256; S256 is used anyway. */
  readonly allowMissingS256?: boolean
  readonly trustedIssuers?: readonly IssuerPair[]
  /** How the server's metadata may name its resource although the scheme is another. */
  readonly trustedResource?: string | undefined
}

/** Simple string comparison (RFC 3986 section 6.2.1): no case folding, no slash is added or removed. */
export function isTrustedPair(pair: IssuerPair, { trustedIssuers = [] }: SecurityOverrides): boolean {
  return trustedIssuers.some(({ expected, named }) => expected === pair.expected && named === pair.named)
}

/** The one line of config.yaml that trusts exactly this pair. */
export const trustedIssuersLine = ({ expected, named }: IssuerPair) =>
  `trusted_issuers: [{ expected: ${quote(expected, 2_000)}, named: ${quote(named, 2_000)} }]`

/** The endpoints of a server that publishes no metadata at all (MCP 2025-03-26, "Fallbacks for Servers without Metadata Discovery"). */
export function defaultEndpoints(origin: string) {
  return {
    issuer: origin,
    authorization_endpoint: `${origin}/authorize`,
    token_endpoint: `${origin}/token`,
    registration_endpoint: `${origin}/register`,
  }
}
