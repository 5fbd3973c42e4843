// A bearer check with RFC 9728 metadata in front of an MCP server; what passes goes on to `target` as it came.
import {
  createServer,
  request as httpRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http'
import type { AddressInfo } from 'node:net'
import { createRemoteJWKSet, jwtVerify } from 'jose'
import { createDpopCheck } from './dpopCheck.ts'

export interface ProtectedServerOptions {
  /** The authorization server it trusts. */
  readonly issuer: string
  /** URL of the MCP server behind it. */
  readonly target: string
  readonly port?: number
  /** Tokens bound to a key (RFC 9449); default none. */
  readonly dpop?: 'required' | 'none'
}

export async function startProtectedServer({ issuer, target, port = 0, dpop = 'none' }: ProtectedServerOptions) {
  const server = createServer()
  await new Promise((resolve, reject) =>
    server.once('error', reject).listen(port, '127.0.0.1', () => resolve(undefined)),
  )
  const address = server.address() as AddressInfo
  const origin = `http://127.0.0.1:${address.port}`
  const resource = `${origin}/mcp`
  const metadataPath = '/.well-known/oauth-protected-resource/mcp'
  const keys = createRemoteJWKSet(new URL(`${issuer}/jwks`))
  const state = {
    /** Tokens that have been accepted once. */
    accepted: new Set<string>(),
    /** Tokens that are refused from now on. */
    rejected: new Set<string>(),
    /** Each request that passed: method, headers, and the method of the message. */
    passed: [] as { method: string; headers: IncomingHttpHeaders; rpc: string }[],
    refused: 0,
    /** Tool → the scope its call needs. */
    requires: {} as Record<string, string>,
    /** Tokens that are no JWT and taken all the same. */
    knows: new Set<string>(),
    /** Every token is refused, new ones too. */
    refuses: false,
    /** Why tokens were refused. */
    reasons: [] as string[],
    /** Headers of every answer, such as a date that is wrong. */
    answerHeaders: {} as Record<string, string>,
    /** What is answered instead of anything else: nothing at all, all that the request brought, or a page. */
    instead: undefined as 'silence' | 'echo' | { status: number; type: string; body: string } | undefined,
    /** What everything the server is asked waits for: a slow server. */
    until: undefined as Promise<unknown> | undefined,
    target,
  }

  const proofs = createDpopCheck()
  const scheme = dpop === 'required' ? 'DPoP' : 'Bearer'

  const check = async ({ authorization, dpop: proof }: IncomingHttpHeaders, method: string) => {
    const token = new RegExp(`^${scheme} (.+)$`).exec(authorization ?? '')?.[1]
    if (!token) return 'missing'
    if (state.refuses || state.rejected.has(token)) return 'refused'
    if (state.knows.has(token)) return { scopes: [] }
    const { payload } = await jwtVerify(token, keys, { issuer, audience: resource })
    state.accepted.add(token)
    const problem =
      scheme === 'DPoP' ? await proofs.check({ method, url: resource, token, proof: String(proof) }) : undefined
    return problem ?? { scopes: String(payload.scope ?? '').split(' ') }
  }

  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    for (const [name, value] of Object.entries(state.answerHeaders)) response.setHeader(name, value)
    await state.until
    if (state.instead === 'silence') return undefined
    if (state.instead === 'echo')
      return response.writeHead(500).end(`${request.url} ${Object.values(request.headers).join(' ')}`)
    if (state.instead)
      return response.writeHead(state.instead.status, { 'content-type': state.instead.type }).end(state.instead.body)
    if (request.url === metadataPath) {
      response.writeHead(200, { 'content-type': 'application/json' })
      return response.end(
        JSON.stringify({
          resource,
          authorization_servers: [issuer],
          scopes_supported: ['mcp:tools'],
          bearer_methods_supported: ['header'],
          ...(scheme === 'DPoP' ? { dpop_bound_access_tokens_required: true } : {}),
        }),
      )
    }
    const verdict = await check(request.headers, request.method ?? '').catch((error) => {
      state.reasons.push(String(error))
      return 'refused'
    })
    if (scheme === 'DPoP') response.setHeader('dpop-nonce', proofs.nonce)
    if (typeof verdict === 'string') {
      state.refused++
      const code = verdict === 'refused' ? 'invalid_token' : verdict
      const error = verdict === 'missing' ? '' : `error="${code}", `
      response.writeHead(401, {
        'www-authenticate': `${scheme} ${error}resource_metadata="${origin}${metadataPath}"`,
        'content-type': 'application/json',
      })
      return response.end('{"error":"invalid_token"}')
    }
    const body = await readAll(request)
    if (!body) return undefined
    const missing = state.requires[toolOf(body)]
    if (missing && !verdict.scopes.includes(missing)) {
      const challenge = `${scheme} error="insufficient_scope", scope="${missing}", resource_metadata="${origin}${metadataPath}"`
      response.writeHead(403, { 'www-authenticate': challenge, 'content-type': 'application/json' })
      return response.end('{"error":"insufficient_scope"}')
    }
    const rpc = /"method":"([^"]+)"/.exec(body.toString('latin1'))?.[1] ?? ''
    state.passed.push({ method: request.method ?? '', headers: request.headers, rpc })
    return forward(state.target, request, response, body)
  }
  server.on('request', answer)

  return {
    url: resource,
    origin,
    port: address.port,
    state,
    /** Refuses, from this instant, every access token it has accepted until now. */
    rejectTokens() {
      for (const token of state.accepted) state.rejected.add(token)
    },
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** undefined: whoever asked is gone. */
async function readAll(request: IncomingMessage) {
  const chunks = []
  try {
    for await (const chunk of request) chunks.push(chunk)
    return Buffer.concat(chunks)
  } catch {
    return undefined
  }
}

/** The tool that a message calls; '' for any other. */
function toolOf(body: Buffer) {
  try {
    const { method, params } = JSON.parse(body.toString('utf8'))
    return method === 'tools/call' ? params.name : ''
  } catch {
    return ''
  }
}

/** `body` is what was read of the request already. */
function forward(target: string, request: IncomingMessage, response: ServerResponse, body: Buffer) {
  const { authorization: _kept, host: _host, ...headers } = request.headers
  const onward = httpRequest(target, { method: request.method, headers }, (answer) => {
    response.writeHead(answer.statusCode ?? 502, answer.headers)
    answer.pipe(response)
    answer.on('error', () => response.destroy())
  })
  onward.on('error', () =>
    response.headersSent ? response.destroy() : response.writeHead(502).end('the MCP server is down'),
  )
  response.on('close', () => onward.destroy())
  onward.end(body)
}
