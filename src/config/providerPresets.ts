// The providers that differ from the standards, as data: recognized by the issuer's host, or by the name of a providers entry.
import type { ProviderRules, RulesOf } from '../providerRules.ts'

export interface Preset extends ProviderRules {
  readonly name: string
  /** Hosts of its issuers. */
  readonly hosts: RegExp
}

export const PRESETS: readonly Preset[] = [
  {
    // https://developers.google.com/identity/protocols/oauth2/web-server
    name: 'google',
    hosts: /^accounts\.google\.com$/,
    issuer: 'https://accounts.google.com',
    issuerForm: 'slash',
    parameters: { access_type: 'offline' },
    reconsent: 'consent',
    scopes: ['openid', 'email', 'profile'],
    withoutRefreshToken:
      'Google issues a refresh token only after a new consent: run mcp-oauth-bridge login --force, which asks for it.',
  },
  {
    // https://learn.microsoft.com/entra/identity-platform/v2-protocols-oidc, with the national clouds
    name: 'microsoft',
    hosts: /^(login\.microsoftonline\.(com|us|de)|login\.partner\.microsoftonline\.cn|login\.chinacloudapi\.cn)$/,
    issuer: 'https://login.microsoftonline.com/common/v2.0',
    s256: 'unadvertised',
    issuerForm: 'tenant',
    resource: 'none',
    refreshScope: 'repeat',
    scopes: ['openid', 'profile', 'email', 'offline_access'],
    withoutRefreshToken: 'Add the scope offline_access to scopes and sign in again.',
  },
  {
    // https://docs.github.com/apps/oauth-apps/building-oauth-apps/authorizing-oauth-apps
    name: 'github',
    hosts: /^github\.com$/,
    issuer: 'https://github.com/login/oauth',
    metadata: {
      authorization_endpoint: '{issuer}/authorize',
      token_endpoint: '{issuer}/access_token',
      device_authorization_endpoint: '{origin}/login/device/code',
    },
    s256: 'unadvertised',
    resource: 'none',
    scopeSeparator: ',',
    account: { url: 'https://api.github.com/user', kind: 'github', scopes: ['read:user', 'user:email'] },
    withoutRefreshToken:
      'Tokens of GitHub OAuth apps do not expire: set refresh_strategy: none. A GitHub App issues refresh tokens if its user tokens expire.',
  },
  {
    // https://auth0.com/docs/get-started/authentication-and-authorization-flow
    name: 'auth0',
    hosts: /\.auth0\.com$/,
    issuerForm: 'slash',
    audience: 'resource',
    withoutRefreshToken: 'Allow offline access for the API in Auth0 and request the scope offline_access.',
  },
  {
    // https://developer.okta.com/docs/reference/api/oidc/
    name: 'okta',
    hosts: /\.(okta|oktapreview|okta-emea|okta-gov)\.com$/,
    issuerForm: 'slash',
    scopes: ['openid', 'profile', 'email', 'offline_access'],
    withoutRefreshToken: 'Allow the refresh token grant for the app in Okta and request the scope offline_access.',
  },
  {
    // https://docs.aws.amazon.com/cognito/latest/developerguide/authorization-endpoint.html
    name: 'cognito',
    hosts: /^cognito-idp(-fips)?\.[a-z0-9-]+\.amazonaws\.com(\.cn)?$/,
    issuerForm: 'slash',
    s256: 'unadvertised',
    withoutRefreshToken: 'Allow the refresh token flow for the app client in Amazon Cognito and sign in again.',
  },
  {
    // https://help.salesforce.com/s/articleView?id=sf.remoteaccess_oauth_web_server_flow.htm
    name: 'salesforce',
    hosts:
      /^((login|test)|[a-z0-9-]+(--[a-z0-9-]+)?(\.(sandbox|scratch|develop|demo|trailblaze|patch|free))?\.my)\.salesforce\.com$/,
    issuerForm: 'slash',
    s256: 'unadvertised',
    withoutRefreshToken: 'Select the scope refresh_token (offline_access) for the app in Salesforce and sign in again.',
  },
  {
    // https://jumpcloud.com/support/sso-with-oidc
    name: 'jumpcloud',
    hosts: /^oauth\.id\.(eu\.)?jumpcloud\.com$/,
    issuerForm: 'slash',
    withoutRefreshToken:
      'Allow the grant type refresh token for the app in JumpCloud and request the scope offline_access.',
  },
]

/** The preset of a name or an issuer. */
export function presetOf({
  name,
  issuer,
}: {
  name?: string | undefined
  issuer?: string | undefined
}): Preset | undefined {
  const named = PRESETS.find((preset) => preset.name === name)
  if (named || issuer === undefined || !URL.canParse(issuer)) return named
  const { hostname } = new URL(issuer)
  return PRESETS.find(({ hosts }) => hosts.test(hostname))
}

/** Whether `issuer` is one of the preset's own: https at its hosts, at no other port. */
export function isIssuerOf({ hosts }: Preset, issuer: string): boolean {
  if (!URL.canParse(issuer)) return false
  const { protocol, hostname, port, username, password } = new URL(issuer)
  return protocol === 'https:' && port === '' && username === '' && password === '' && hosts.test(hostname)
}

interface Ways {
  readonly provider?: string
  readonly issuer?: string
  readonly endpoints?: Readonly<Record<string, string>>
}

/** A server's rules: those of its preset; configured endpoints override them, for the issuer that they belong to. */
export function rulesFor(server: Ways = {}): RulesOf {
  return (issuer) => {
    const preset: ProviderRules = presetOf({ name: server.provider, issuer }) ?? {}
    const another = issuer !== undefined && server.issuer !== undefined && issuer !== server.issuer
    if (!server.endpoints || another) return preset
    return { ...preset, s256: 'unadvertised', metadata: { ...preset.metadata, ...server.endpoints } }
  }
}
