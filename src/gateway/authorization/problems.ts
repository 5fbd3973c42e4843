// What a page says when an authorization request cannot be answered at the client's redirect URI
import { quote } from '../../redaction/text.ts'
import type { Problem } from './engine.ts'

const RECONNECT = 'Remove the sign-in of this server in your MCP client, or the server itself, and connect again.'

/** `error` as in RFC 6749 section 4.1.2.1, and as the engine names what it does not redirect. */
export function problemOf(error: string, description: string | undefined): Problem {
  switch (error) {
    case 'invalid_client':
      return {
        title: 'This client is not known here',
        text: 'The MCP client that sent you here is not registered with this gateway, or no longer: it may not have been used for a long time.',
        advice: `${RECONNECT} It registers anew then.`,
      }
    case 'invalid_redirect_uri':
      return {
        title: 'This client may not be answered there',
        text: 'The MCP client asks for the answer at an address that it has not registered, or that this gateway does not allow.',
        advice: RECONNECT,
      }
    case 'temporarily_unavailable':
    case 'server_error':
      return {
        title: 'The sign-in cannot be done now',
        text: 'Something failed in this gateway, or too many sign-ins began at once.',
        advice: 'Wait a minute, then connect again in your MCP client.',
      }
    case 'invalid_request':
      if (/session|expired|cookie/.test(description ?? ''))
        return {
          title: 'This sign-in is over',
          text: 'It was completed, took too long, or was begun in another browser.',
          advice: 'Connect again in your MCP client.',
        }
      return {
        title: 'This sign-in cannot begin',
        text: `The MCP client did not ask as OAuth demands: ${quote(description ?? error)}.`,
        advice: 'Connect again in your MCP client. If it keeps failing, show this page to the client’s maker.',
      }
    default:
      return {
        title: 'This sign-in cannot begin',
        text: `The authorization server refused it: ${quote(description ?? error)}.`,
        advice: 'Connect again in your MCP client.',
      }
  }
}
