// The auth provider of an SDK client, either generation, whose person signs in at the gateway with a browser that has no window
import { type Browsing, openBrowsing } from './browsing.ts'

export interface SdkSignIn {
  /** Given to the transport of an SDK client. */
  readonly provider: any
  /** What the browser brought to the redirect URI. */
  callback(): URLSearchParams
  /** Tabs that were opened so far. */
  readonly tabs: URL[]
  /** What the client holds; a test may put an older answer back. */
  readonly held: { client?: any; tokens?: any; refreshes: number }
}

/** `more`: members of the client's metadata, and the person's browser. */
export function createSdkSignIn(
  redirectUri = 'http://127.0.0.1:33418/callback',
  name = 'SDK client',
  more: { readonly metadata?: object; readonly browsing?: Browsing } = {},
): SdkSignIn {
  const tabs: URL[] = []
  const held: SdkSignIn['held'] = { refreshes: 0 }
  let verifier = ''
  let discovered: unknown
  let back: URLSearchParams | undefined
  const provider = {
    redirectUrl: redirectUri,
    clientMetadata: {
      client_name: name,
      redirect_uris: [redirectUri],
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      token_endpoint_auth_method: 'none',
      ...more.metadata,
    },
    state: () => 'state-of-the-client',
    clientInformation: () => held.client,
    saveClientInformation(client: unknown) {
      held.client = client
    },
    tokens: () => held.tokens,
    saveTokens(tokens: unknown) {
      if (held.tokens) held.refreshes++
      held.tokens = tokens
    },
    saveCodeVerifier(text: string) {
      verifier = text
    },
    codeVerifier: () => verifier,
    discoveryState: () => discovered,
    saveDiscoveryState(state: unknown) {
      discovered = state
    },
    async redirectToAuthorization(url: URL) {
      tabs.push(url)
      const { url: end, text } = await (more.browsing ?? openBrowsing()).follow(url, redirectUri)
      if (!end.href.startsWith(redirectUri)) throw new Error(`The sign-in ended at ${end}: ${text}`)
      back = end.searchParams
    },
  }
  return {
    provider,
    tabs,
    held,
    callback() {
      if (!back) throw new Error('nobody was asked to sign in')
      if (back.get('state') !== 'state-of-the-client') throw new Error(`another state came back: ${back}`)
      return back
    },
  }
}
