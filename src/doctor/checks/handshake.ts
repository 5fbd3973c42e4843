// Asks the server with the stored token which revisions of MCP it speaks: server/discover, and the handshake of those before 2026-07-28.
import { type DiscoverAnswer, serverDiscover } from '../../auth/discovery/serverDiscover.ts'
import { asErrorCode, ERRORS } from '../../errors.ts'
import { isSessionId, mcpDiscover, mcpEndSession } from '../../mcp/requests.ts'
import { quote } from '../../redaction/text.ts'
import type { Check, CheckContext, Findings } from '../report/context.ts'
import { fail, type Outcome, pass, skip } from '../report/finding.ts'
import { type Answer, openSession, type Session } from '../report/session.ts'

const LONGEST_MS = 10_000
/** A server that is silent about what it does not know speaks revisions before 2026-07-28. */
const SILENCE_MS = 5_000
const MODERN = '2026-07-28'

export const handshake: Check = {
  name: 'mcp_handshake',
  about: 'server',
  // Two questions, each with its own limit.
  limitMs: 30_000,
  async run(context, findings, signal) {
    const { config, server, clock } = context
    const tokens = findings.record?.tokens
    if (!findings.answer) return skip('The server does not answer.')
    if (findings.answer.status === 401 && !tokens)
      return skip(findings.keyless ? 'The sealing key cannot be read.' : 'Nobody is signed in.')
    if (tokens?.expiresAt !== undefined && tokens.expiresAt <= clock.now())
      return skip('The token has expired, and doctor does not refresh it. Run mcp-oauth-bridge refresh.')
    const { protocol = 'auto' } = server ?? {}
    const idleMs = Math.min(config.requestTimeoutMs || LONGEST_MS, LONGEST_MS)
    const discovered = protocol === '2025' ? undefined : await discover(context, findings, Math.min(idleMs, SILENCE_MS))
    const refused = discovered && refusal(discovered)
    if (refused) return refused
    const isModern = discovered?.found.verdict === '2026'
    if (protocol === '2026' && !isModern) return misconfigured(discovered)
    const session = await openSession(context, findings, { signal, idleMs })
    return isModern ? speaksModern(discovered, session) : judge(session)
  },
}

/** undefined: it cannot be reached, which the handshake says better. */
async function discover(
  { server, http, version }: CheckContext,
  findings: Findings,
  ms: number,
): Promise<DiscoverAnswer | undefined> {
  const url = new URL(server?.url ?? '')
  const ask = async () => {
    const headers = (await findings.authorizer?.headers('POST', url)) ?? server?.headers ?? {}
    const client = { name: 'mcp-oauth-bridge doctor', version }
    const answer = await serverDiscover(http, { ...mcpDiscover(url, headers, 'doctor', client), idleMs: ms }, ms)
    const id = answer.headers['mcp-session-id']
    // Some servers begin a session with each stray request.
    if (isSessionId(id) && answer.found.verdict !== '2026')
      (await http.request({ ...mcpEndSession(url, headers, id), idleMs: ms }).catch(() => undefined))?.discard()
    return { ...answer, again: (await findings.authorizer?.onNonce(answer)) === 'again' }
  }
  try {
    const first = await ask()
    return first.again || first.found.verdict === 'askAgain' ? await ask() : first
  } catch {
    return undefined
  }
}

/** What no handshake makes better. */
function refusal({ found }: DiscoverAnswer): Outcome | undefined {
  const named = quote(found.revisions.join(', '))
  if (found.verdict === 'newer')
    return fail('version_unsupported', `It speaks ${named} only, and this version speaks up to ${MODERN}.`)
  if (found.verdict === 'stripped')
    return fail(
      'headers_stripped',
      `It speaks ${MODERN}, and misses headers or capabilities that doctor has sent: something in between removes them.`,
    )
  if (found.verdict === 'askAgain')
    return fail('server_error', `It says that it speaks ${named}, and refuses ${MODERN} nevertheless.`)
  return undefined
}

function misconfigured(discovered: DiscoverAnswer | undefined): Outcome {
  const said = discovered === undefined ? 'does not answer it' : `answers ${discovered.status}`
  return fail(
    'invalid_protocol',
    `protocol: 2026 is set, but the server does not answer server/discover as ${MODERN} demands: it ${said}.`,
    'Remove protocol or --protocol: the bridge finds out what the server speaks.',
  )
}

function speaksModern({ found }: DiscoverAnswer, { answer }: Session): Outcome {
  const { result } = answer
  const described = Object(JSON.parse(found.discover ?? '{}')) as Described
  const info = described._meta?.['io.modelcontextprotocol/serverInfo'] ?? described.serverInfo
  const other = result
    ? `and revision ${quote(String(result.protocolVersion))} (initialize)`
    : 'and none that begins with initialize: the bridge translates for hosts that do'
  return pass(`It speaks revision ${quote(MODERN)} ${other}; it is ${nameOf(info)}.`)
}

interface Described {
  readonly _meta?: { readonly 'io.modelcontextprotocol/serverInfo'?: unknown }
  readonly serverInfo?: unknown
}

function nameOf(info: unknown): string {
  const { name = '?', version = '' } = Object(info) as { readonly name?: unknown; readonly version?: unknown }
  return quote(`${name} ${version}`.trim())
}

function judge({ answer, needTasks }: Session): Outcome {
  const { result, error } = answer
  if (!result) return failure(error)
  const revision = quote(String(result.protocolVersion))
  const tasks =
    needTasks.length === 0
      ? ''
      : ` A host that speaks ${MODERN} cannot call these tools, which are called as tasks only: ${quote(needTasks.join(', '))}.`
  return pass(
    `It speaks revision ${revision}, which begins with initialize; it is ${nameOf(result.serverInfo)}.${tasks}`,
  )
}

function failure(error: Answer['error']): Outcome {
  const said = String(error?.message ?? 'nothing')
  if (error?.data?.source !== 'mcp-oauth-bridge') return fail('server_error', `It refuses initialize: ${quote(said)}.`)
  const code = asErrorCode(String(error.data.code))
  return fail(code, `${PREFIX[code] ?? ''}${said}`, REMEDY[code] ?? ERRORS[code].hint)
}

/** The names of these errors in the troubleshooting guide. */
const PREFIX: Partial<Record<keyof typeof ERRORS, string>> = {
  invalid_protocol: 'Invalid MCP protocol response: ',
  server_timeout: 'MCP server timeout: ',
  server_unreachable: 'MCP server unreachable: ',
}

const REMEDY: Partial<Record<keyof typeof ERRORS, string>> = {
  unauthorized: 'It may be revoked, or for another account or audience. Run mcp-oauth-bridge login --force.',
  server_timeout: 'See the server’s own log; raise request_timeout if the server is slow.',
}
