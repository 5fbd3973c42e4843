// The MCP endpoint asked without a token: does it speak, and does it ask for a sign-in as MCP wants?
import { parseChallenge } from '../auth/challenge.ts'
import { BridgeError, quote } from '../errors.ts'
import { fail, failed, pass, skip, warn } from './finding.ts'
import type { Check } from './patient.ts'

/** A bridge waits as long as the config says; here nobody waits longer than this, in ms. */
const LONGEST_MS = 10_000

export const endpoint: Check = {
  name: 'mcp_endpoint',
  about: 'server',
  async look({ server, http, config, clock }, facts, signal) {
    if (!server) return skip('No server is named.')
    if (facts.down) return skip('The server cannot be reached.')
    const idleMs = Math.min(config.requestTimeoutMs || LONGEST_MS, LONGEST_MS)
    try {
      const response = await http.request({
        method: 'POST',
        url: new URL(server.url),
        headers: {
          ...server.headers,
          accept: 'application/json, text/event-stream',
          'content-type': 'application/json',
        },
        body: '{"jsonrpc":"2.0","id":"doctor","method":"ping"}',
        idleMs,
        signal,
      })
      response.discard()
      const challenge = parseChallenge(response.status, response.headers['www-authenticate'])
      facts.answer = { status: response.status, headers: response.headers, challenge, at: clock.now() }
      return judge(response.status, String(response.headers['content-type'] ?? 'no content type'), challenge)
    } catch (thrown) {
      if (!(thrown instanceof BridgeError)) throw thrown
      if (thrown.code === 'server_timeout') {
        const remedy = 'See the server’s own log; raise request_timeout or connect_timeout if it is only slow.'
        return fail('server_timeout', `MCP server timeout: no answer within ${idleMs} ms.`, remedy)
      }
      return failed(thrown)
    }
  },
}

function judge(status: number, type: string, challenge: ReturnType<typeof parseChallenge>) {
  if (status === 401) {
    const named = challenge.resourceMetadata === undefined ? '' : ` and names ${quote(challenge.resourceMetadata)}`
    return pass(`It asks for a sign-in (401)${named}.`)
  }
  if (status >= 500) return fail('server_error', `It answers ${status}.`)
  if (status === 404 || /text\/html/.test(type)) {
    const remedy = 'Check that the URL is the MCP endpoint, often ending in /mcp, and not a web page.'
    return fail('invalid_protocol', `Invalid MCP protocol response: it answers ${status} with ${quote(type)}.`, remedy)
  }
  if (status === 403)
    return warn('It forbids a request without a token (403).', 'Ask the server’s owner whether it should answer 401.')
  return pass(`It answers ${status} without a token.`)
}
