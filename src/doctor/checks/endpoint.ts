// Checks the MCP endpoint without a token: whether it answers, and whether it requires a sign-in as MCP specifies.
import { parseChallenge } from '../../auth/challenge.ts'
import { serverDiscover } from '../../auth/discovery/serverDiscover.ts'
import { BridgeError } from '../../errors.ts'
import { isSessionId, mcpDiscover, mcpEndSession, mcpInitialize, mcpPing } from '../../mcp/requests.ts'
import type { HttpRequest, HttpResponse } from '../../ports.ts'
import { quote } from '../../redaction/text.ts'
import type { Check, CheckContext, Findings } from '../report/context.ts'
import { fail, failed, type Outcome, pass, skip, warn } from '../report/finding.ts'

/** A bridge waits as long as the config says; doctor waits at most this long, in ms. */
const LONGEST_MS = 10_000
/** After these statuses of a POST, a bridge looks for the older transport. */
const NOT_STREAMABLE = [400, 404, 405]

export const endpoint: Check = {
  name: 'mcp_endpoint',
  about: 'server',
  async run(context, findings, signal) {
    const { server, config } = context
    if (!server) return skip('No server was given.')
    if (findings.down) return skip('The server cannot be reached.')
    const idleMs = Math.min(config.requestTimeoutMs || LONGEST_MS, LONGEST_MS)
    try {
      if (server.transport === 'sse') return await askForStream(context, findings, { idleMs, signal })
      const outcome = await ping(context, findings, { idleMs, signal })
      const older = server.transport === 'auto' && NOT_STREAMABLE.includes(findings.answer?.status ?? 0)
      return (older && (await older2024(context, findings, { idleMs, signal }).catch(() => undefined))) || outcome
    } catch (thrown) {
      if (!(thrown instanceof BridgeError)) throw thrown
      if (thrown.code === 'server_timeout') {
        const remedy = 'See the server’s own log; raise request_timeout or connect_timeout if the server is slow.'
        return fail('server_timeout', `MCP server timeout: no answer within ${idleMs} ms.`, remedy)
      }
      return failed(thrown)
    }
  },
}

type Within = Pick<HttpRequest, 'idleMs' | 'signal'>

async function ping(context: CheckContext, findings: Findings, within: Within): Promise<Outcome> {
  const { server, http, clock } = context
  const response = await http.request({ ...mcpPing(server?.url ?? '', server?.headers ?? {}, 'doctor'), ...within })
  response.discard()
  const answer = note(findings, response, clock.now())
  const modern = NOT_STREAMABLE.includes(answer.status) && (await discover(context, findings, within))
  if (modern) return modern
  if (answer.status !== 401 || answer.challenge.resourceMetadata !== undefined) return judge(answer)
  return (await openSession(context, findings, within)) ?? judge(answer)
}

/** Servers of 2026-07-28 refuse what does not have the headers of that revision. undefined: this one is none. */
async function discover(context: CheckContext, findings: Findings, within: Within): Promise<Outcome | undefined> {
  const { server, http, clock } = context
  if (server?.protocol === '2025') return undefined
  const request = { ...mcpDiscover(server?.url ?? '', server?.headers ?? {}, 'doctor'), idleMs: within.idleMs }
  const asked = await serverDiscover(http, request, LONGEST_MS).catch(() => undefined)
  if (asked === undefined || (asked.status !== 401 && asked.found.verdict !== '2026')) return undefined
  const answer = note(findings, asked, clock.now())
  if (answer.status === 401) return judge(answer)
  return pass('It speaks MCP 2026-07-28 and does not require a token.')
}

/** Some servers refuse everything but `initialize` outside a session. undefined: this one refuses that too. */
async function openSession(context: CheckContext, findings: Findings, within: Within): Promise<Outcome | undefined> {
  const { server, http, clock } = context
  const headers = server?.headers ?? {}
  const response = await http.request({ ...mcpInitialize(server?.url ?? '', headers, 'doctor'), ...within })
  response.discard()
  if (response.status > 299) return undefined
  note(findings, response, clock.now())
  const id = response.headers['mcp-session-id']
  if (isSessionId(id)) {
    const ended = await http
      .request({ ...mcpEndSession(server?.url ?? '', headers, id), ...within })
      .catch(() => undefined)
    ended?.discard()
  }
  return pass('It answers initialize without a token, and refuses other messages outside a session (401).')
}

/** HTTP+SSE of revision 2024-11-05: a stream whose first event names the endpoint. undefined: not supported. */
async function older2024(context: CheckContext, findings: Findings, within: Within): Promise<Outcome | undefined> {
  const { server, http, clock } = context
  const headers = { ...server?.headers, accept: 'text/event-stream' }
  const response = await http.request({ method: 'GET', url: new URL(server?.url ?? ''), headers, ...within })
  const opens = response.status === 200 && /^event: *endpoint\r?$/m.test(await startOf(response))
  response.discard()
  if (response.status === 401) return judge(note(findings, response, clock.now()))
  if (!opens) return undefined
  note(findings, response, clock.now())
  return pass('It speaks the HTTP+SSE transport of 2024-11-05 and does not require a token.')
}

async function askForStream(context: CheckContext, findings: Findings, within: Within): Promise<Outcome> {
  const outcome = await older2024(context, findings, within)
  if (outcome) return outcome
  const remedy = 'Remove --transport sse, and check that the URL is the MCP endpoint, often ending in /sse.'
  return fail('invalid_protocol', 'Invalid MCP protocol response: it does not open an HTTP+SSE event stream.', remedy)
}

async function startOf({ headers, body }: HttpResponse): Promise<string> {
  if (!/^text\/event-stream/i.test(String(headers['content-type'] ?? ''))) return ''
  let text = ''
  for await (const chunk of body) {
    text += Buffer.from(chunk).toString('utf8')
    if (text.length > 4096 || /\n\r?\n/.test(text)) break
  }
  return text
}

function note(
  findings: Findings,
  { status, headers }: Pick<HttpResponse, 'status' | 'headers'>,
  at: number,
): NonNullable<Findings['answer']> {
  findings.answer = { status, headers, challenge: parseChallenge(status, headers['www-authenticate']), at }
  return findings.answer
}

function judge({ status, headers, challenge }: NonNullable<Findings['answer']>): Outcome {
  const type = String(headers['content-type'] ?? 'no content type')
  if (status === 401) {
    const named = challenge.resourceMetadata === undefined ? '' : ` and names ${quote(challenge.resourceMetadata)}`
    return pass(`It requires a sign-in (401)${named}.`)
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
