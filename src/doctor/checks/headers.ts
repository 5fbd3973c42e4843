// Reports the headers that a bridge sends, built by the same code, and those that the settings block.
import { createAuthorizer, fixedTokens } from '../../auth/authorizer.ts'
import { matchesAny } from '../../auth/userHeaders.ts'
import { type Check, SILENT } from '../report/context.ts'
import { fail, pass, skip, warn } from '../report/finding.ts'

export const headers: Check = {
  name: 'headers',
  about: 'server',
  async run({ server, config, clock }, findings) {
    const tokens = findings.record?.tokens
    if (!server) return skip('No server was given.')
    const { forwardHeaders: forward, blockedHeaders: blocked, userHeaders } = config
    findings.authorizer = createAuthorizer({
      tokens: fixedTokens(tokens),
      userHeaders,
      headers: server.headers,
      forward,
      blocked,
      log: SILENT,
      clock,
    })
    findings.headers = await findings.authorizer.headers('POST', new URL(server.url))
    const sent = Object.keys(findings.headers)
    const text = `Sent: ${sent.join(', ') || 'none'}. Blocked: ${blocked.join(', ') || 'none'}.`
    if (tokens && !sent.some((name) => name.toLowerCase() === 'authorization')) {
      const remedy = 'Add Authorization to header_forwarding.forward_headers, and remove it from blocked_headers.'
      return fail(
        'unauthorized',
        `Authorization header not forwarded to MCP server: the settings block it. ${text}`,
        remedy,
      )
    }
    const stripped = Object.keys(server.headers).filter((name) => matchesAny(name, blocked))
    if (stripped.length > 0)
      return warn(
        `Custom headers stripped: ${stripped.join(', ')} is both configured and blocked. ${text}`,
        'Remove it from header_forwarding.blocked_headers.',
      )
    return pass(text)
  },
}
