// The metadata of each MCP server as a protected resource (RFC 9728), and the challenge that leads to it (RFC 6750 section 3)
import type { ServedServer } from '../settings.ts'

const PATH = '/.well-known/oauth-protected-resource'
/** The one scope that the gateway knows. */
export const SCOPE = 'mcp'
/** By the error codes of RFC 6750 section 3.1. */
const WORDS = {
  invalid_token: 'The access token is unknown, has expired, or is for another resource.',
  invalid_request: 'Send one access token, in one Authorization header.',
}
export type ChallengeError = keyof typeof WORDS

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
 * Makes WWW-Authenticate of a refusal. `served`: undefined outside of any MCP server. A 401 names an error only where a token came, so that a
 * client without one does not take it for refused.
 */
export function createChallenge(publicUrl: string) {
  return (served: Pick<ServedServer, 'path'> | undefined, error?: ChallengeError): string => {
    const metadata = `${new URL(publicUrl).origin}${PATH}${served?.path ?? ''}`
    const parameters = [
      ...(served ? [`resource_metadata="${metadata}"`] : []),
      `scope="${SCOPE}"`,
      ...(error ? [`error="${error}"`, `error_description="${WORDS[error]}"`] : []),
    ]
    return `Bearer ${parameters.join(', ')}`
  }
}
