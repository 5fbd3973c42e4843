// The metadata of each MCP server as a protected resource (RFC 9728), and the challenge that leads to it (RFC 6750 section 3)
import type { ServedServer } from '../settings.ts'

const PATH = '/.well-known/oauth-protected-resource'
/** The one scope that the gateway knows. */
export const SCOPE = 'mcp'
const REFUSED = 'The access token is unknown, has expired, or is for another resource.'

/** The canonical URL of an MCP server at the gateway, which its tokens name as their audience (RFC 8707). */
export const resourceOf = (publicUrl: string, { path }: Pick<ServedServer, 'path'>): string =>
  `${new URL(publicUrl).origin}${path}`

/** The document of one server. */
export function protectedResource(publicUrl: string, served: ServedServer): Readonly<Record<string, unknown>> {
  return {
    resource: resourceOf(publicUrl, served),
    authorization_servers: [new URL(publicUrl).origin],
    scopes_supported: [SCOPE],
    bearer_methods_supported: ['header'],
  }
}

/**
 * Makes WWW-Authenticate of a 401. `served`: undefined outside of any MCP server. An error is named only where a token came, so that a client
 * without one does not take it for refused.
 */
export function createChallenge(publicUrl: string) {
  return (served: Pick<ServedServer, 'path'> | undefined, withToken: boolean): string => {
    const metadata = `${new URL(publicUrl).origin}${PATH}${served?.path ?? ''}`
    const parameters = [
      ...(served ? [`resource_metadata="${metadata}"`] : []),
      `scope="${SCOPE}"`,
      ...(withToken ? ['error="invalid_token"', `error_description="${REFUSED}"`] : []),
    ]
    return `Bearer ${parameters.join(', ')}`
  }
}
