// Performs the MCP handshake with the stored token, through the relay itself: initialize, then deletes the session.

import { createSend } from '../../bridge/http/send.ts'
import { createRelay } from '../../bridge/relay.ts'
import { asErrorCode, BridgeError, ERRORS } from '../../errors.ts'
import type { Authorizer } from '../../ports.ts'
import { quote } from '../../redaction/text.ts'
import { type Check, type CheckContext, type Findings, SILENT } from '../report/context.ts'
import { fail, type Outcome, pass, skip } from '../report/finding.ts'

const LONGEST_MS = 10_000
const REVISION = '2025-11-25'

export const handshake: Check = {
  name: 'mcp_handshake',
  about: 'server',
  async run(context, findings, signal) {
    const tokens = findings.record?.tokens
    if (!findings.answer) return skip('The server does not answer.')
    if (findings.answer.status === 401 && !tokens)
      return skip(findings.keyless ? 'The sealing key cannot be read.' : 'Nobody is signed in.')
    if (tokens?.expiresAt !== undefined && tokens.expiresAt <= context.clock.now())
      return skip('The token has expired, and doctor does not refresh it. Run mcp-oauth-bridge refresh.')
    return judge(await initialize(context, findings, signal))
  },
}

interface Answer {
  readonly id?: unknown
  readonly method?: unknown
  readonly result?: { protocolVersion?: unknown; serverInfo?: { name?: unknown; version?: unknown } }
  readonly error?: { message?: unknown; data?: { source?: unknown; code?: unknown; hint?: unknown } }
}

async function initialize(
  { server, config, clock, http, version }: CheckContext,
  findings: Findings,
  signal: AbortSignal,
): Promise<Answer> {
  const idleMs = Math.min(config.requestTimeoutMs || LONGEST_MS, LONGEST_MS)
  const authorizer: Authorizer = {
    headers: async (method, url) => (await findings.authorizer?.headers(method, url)) ?? {},
    onNonce: async (answer) => findings.authorizer?.onNonce(answer),
    async onChallenge() {
      throw new BridgeError('unauthorized', { message: 'The server refuses the stored token (401).' })
    },
  }
  let hear: (answer: Answer) => void = () => undefined
  const heard = new Promise<Answer>((resolve) => {
    hear = resolve
  })
  const writer = {
    async write(bytes: Uint8Array) {
      const message = JSON.parse(Buffer.from(bytes).toString('utf8')) as Answer
      if (message.id === 'doctor' && message.method === undefined) hear(message)
    },
    flush: async () => undefined,
  }
  const url = new URL(server?.url ?? '')
  const send = createSend(http, authorizer, url, idleMs)
  const transport = server?.transport ?? 'auto'
  const relay = createRelay({
    url,
    send,
    writer,
    clock,
    log: SILENT,
    answerLimit: 1024 * 1024,
    timeoutMs: idleMs,
    transport,
    protocol: '2025',
  })
  signal.addEventListener('abort', () => void relay.close(0), { once: true })
  const clientInfo = { name: 'mcp-oauth-bridge doctor', version }
  const params = { protocolVersion: REVISION, capabilities: {}, clientInfo }
  void relay.line(Buffer.from(JSON.stringify({ jsonrpc: '2.0', id: 'doctor', method: 'initialize', params })))
  try {
    return await heard
  } finally {
    await relay.close(0)
  }
}

function judge({ result, error }: Answer): Outcome {
  if (result) {
    const { name = '?', version = '' } = result.serverInfo ?? {}
    return pass(
      `It speaks revision ${quote(String(result.protocolVersion))}; it is ${quote(`${name} ${version}`.trim())}.`,
    )
  }
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
