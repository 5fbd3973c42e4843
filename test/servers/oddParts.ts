// What makes the plain good server of a stage into an odd one: its documents, its answers and its headers.
import { expect } from 'vitest'
import type { Answer, Seen } from './scriptedOrigin.ts'
import type { startProtectedStage } from './scriptedStage.ts'

export type Stage = Awaited<ReturnType<typeof startProtectedStage>>
type Host = ReturnType<Stage['host']>

export interface Exhibit {
  readonly name: string
  /** Makes the plain good server and issuer of the stage into the odd ones; gives the config of their person, and more words. */
  readonly build: (stage: Stage) => { readonly config?: string; readonly words?: readonly string[] } | undefined
  /** What happens after the first call. */
  readonly later?: (stage: Stage, host: Host) => Promise<void>
}

export const RESOURCE = '/.well-known/oauth-protected-resource'
export const ISSUER = '/.well-known/oauth-authorization-server'
export const OPENID = '/.well-known/openid-configuration'

export async function call(host: Host): Promise<any> {
  const { result, error } = await host.request('tools/call', { name: 'any' })
  expect(error, host.stderr).toBeUndefined()
  return result
}

/** Puts other members over those of a document. */
export function amend({ routes }: Stage['issuer'], path: string, members: Record<string, unknown>) {
  const plain = routes[path]
  routes[path] = (seen) => ({ json: { ...(plain?.(seen).json as object), ...members } })
}

/** Answers the MCP endpoint before the plain server does, where `answer` gives one. */
export function before({ server: { routes } }: Stage, answer: (seen: Seen, message: any) => Answer | undefined) {
  const plain = routes['/mcp']
  routes['/mcp'] = (seen) => answer(seen, seen.body && JSON.parse(seen.body)) ?? plain?.(seen) ?? { status: 404 }
}

const isRefused = ({ status }: Answer) => status === 401
export const challengedWith =
  (challenge: string) =>
  (stage: Stage): undefined => {
    const plain = stage.server.routes['/mcp']
    stage.server.routes['/mcp'] = (seen) => {
      const answer = plain?.(seen) ?? {}
      const text = challenge.replaceAll('<root>', `${stage.server.origin}${RESOURCE}`)
      return isRefused(answer) ? { ...answer, headers: { 'www-authenticate': text } } : answer
    }
  }

/** The resource metadata stands at the root, and its path has something else. */
export const onlyAtRoot =
  (atPath: Answer) =>
  (stage: Stage): undefined => {
    const { routes } = stage.server
    routes[RESOURCE] = routes[`${RESOURCE}/mcp`] as NonNullable<(typeof routes)[string]>
    routes[`${RESOURCE}/mcp`] = () => atPath
    return challengedWith('Bearer')(stage)
  }

/** The form of a token request. */
export const formOf = ({ body }: Seen) => new URLSearchParams(body)
const isRefresh = (seen: Seen) => formOf(seen).get('grant_type') === 'refresh_token'

/** Every token endpoint answer, as `shape` makes it of the plain one. */
export const answersTokens =
  (shape: (token: Record<string, unknown>) => Answer) =>
  ({ issuer: { routes } }: Stage): undefined => {
    const plain = routes['/token']
    routes['/token'] = (seen) => shape(plain?.(seen).json as Record<string, unknown>)
  }

/** The MCP server has forgotten every token of now, and refreshes are refused like this. */
export const diesWith = (refusal: Answer) => async (stage: Stage, host: Host) => {
  const plain = stage.issuer.routes['/token']
  const dead = new Set<string>()
  stage.issuer.routes['/token'] = (seen) => (isRefresh(seen) ? refusal : (plain?.(seen) ?? {}))
  refuseUsed(stage, dead)
  await call(host)
  expect(stage.tabs()).toBe(2)
  expect(stage.issuer.requests.filter(({ path }) => path === '/register')).toHaveLength(1)
}

/** From now on, tokens that came before are refused. */
export function refuseUsed({ server, state }: Stage, dead: Set<string>) {
  for (const { headers } of server.requests) dead.add(String(headers.authorization).replace('Bearer ', ''))
  state.accepts = (token) => !dead.has(token)
}

/** The answer of the authorization endpoint names this issuer (RFC 9207). */
export function sendsIss({ issuer: { routes } }: Stage, iss: string) {
  const plain = routes['/authorize']
  routes['/authorize'] = (seen) => {
    const to = new URL(plain?.(seen).headers?.location ?? '')
    to.searchParams.set('iss', iss)
    return { status: 302, headers: { location: to.href } }
  }
}

/** One stream of events for one answer. */
export const stream = (text: string, open: boolean): Answer => ({
  text,
  open,
  headers: { 'content-type': 'text/event-stream' },
})
export const plainAnswer = ({ server: { routes } }: Stage) => routes['/mcp'] as NonNullable<(typeof routes)[string]>

/** Every JSON answer becomes this stream. */
export const streamed =
  (around: (json: string) => string, open = false) =>
  (stage: Stage): undefined => {
    const plain = plainAnswer(stage)
    stage.server.routes['/mcp'] = (seen) => {
      const answer = plain(seen)
      return answer.json === undefined ? answer : stream(around(JSON.stringify(answer.json)), open)
    }
  }

/** The issuer ends with a slash, whatever the resource metadata says. */
export const hasSlash = (stage: Stage) => amend(stage.issuer, ISSUER, { issuer: `${stage.issuer.origin}/` })

/** The person's config for a server whose metadata names another issuer. */
export const trusting = ({ issuer, server }: Stage, named: string) => ({
  config: `servers:\n  it: { url: "${server.origin}/mcp", trusted_issuers: [{ expected: "${issuer.origin}", named: "${named}" }] }\n`,
})

/** The person's config for a server behind a provider that the bridge knows. */
export const behind = ({ issuer, server }: Stage, preset: string, more = '') => ({
  config: `servers:\n  it: { url: "${server.origin}/mcp", provider: ${preset} }\nproviders:\n  ${preset}: { issuer: "${issuer.origin}"${more} }\n`,
})
