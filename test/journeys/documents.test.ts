// Complete sign-ins at servers whose documents are missing, elsewhere or unusable at first; and the ones where no document may be guessed.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import type { Routes } from '../servers/scriptedOrigin.ts'
import { authorizationRoutes } from '../servers/scriptedOrigin.ts'
import { startProtectedStage } from '../servers/scriptedStage.ts'

type Stage = Awaited<ReturnType<typeof startProtectedStage>>

let stage: Stage
afterEach(() => stage?.close())

const PRM = '/.well-known/oauth-protected-resource'
const OAUTH = '/.well-known/oauth-authorization-server'
const OIDC = '/.well-known/openid-configuration'

/** The server refuses without a token, with this challenge; it has no resource metadata. */
function challengesWith(challenge: string, { server }: Stage) {
  const plain = server.routes['/mcp']
  delete server.routes[`${PRM}/mcp`]
  server.routes['/mcp'] = (seen) => {
    const answer = plain?.(seen) ?? {}
    return answer.status === 401 ? { status: 401, headers: { 'www-authenticate': challenge } } : answer
  }
}

function moves(routes: Routes, from: string, to: string) {
  const route = routes[from]
  delete routes[from]
  if (route) routes[to] = route
}

/** The server is its own authorization server. */
function ownServer({ server }: Stage, more: Record<string, unknown> = {}) {
  Object.assign(server.routes, authorizationRoutes(server.origin, { metadata: more }))
}

const WORLDS: readonly (readonly [title: string, arrange: (stage: Stage) => void])[] = [
  [
    'a server of MCP 2025-03-26 that publishes nothing',
    (world) => {
      challengesWith('Bearer', world)
      ownServer(world)
      delete world.server.routes[OAUTH]
    },
  ],
  [
    'a server that answers every unknown address with its web page',
    (world) => {
      challengesWith('Bearer realm="mcp"', world)
      ownServer(world)
      const page = () => ({ headers: { 'content-type': 'text/html' }, text: '<!doctype html><title>App</title>' })
      for (const path of [OAUTH, OIDC, PRM, `${PRM}/mcp`, `${OAUTH}/mcp`, `${OIDC}/mcp`])
        world.server.routes[path] = page
    },
  ],
  [
    'a server whose own document under the path of its address names the authorization server elsewhere',
    (world) => {
      challengesWith('Bearer', world)
      world.server.routes[`${OAUTH}/mcp`] = () => ({
        json: { issuer: world.issuer.origin, token_endpoint: `${world.server.origin}/not-used` },
      })
    },
  ],
  [
    'a server whose document under the path of its address is its own',
    (world) => {
      challengesWith('Bearer', world)
      ownServer(world, { issuer: `${world.server.origin}/mcp` })
      moves(world.server.routes, OAUTH, `${OAUTH}/mcp`)
    },
  ],
  [
    'a challenge that names two addresses, the first of them 404',
    (world) => {
      const { origin, routes } = world.server
      moves(routes, `${PRM}/mcp`, '/here')
      const here = routes['/here']
      challengesWith(
        `Bearer resource_metadata="${origin}/404", error="invalid_token", resource_metadata="${origin}/here"`,
        world,
      )
      if (here) routes['/here'] = here
    },
  ],
  [
    'a challenge that names an address of another scheme, and a path-style document that is 500',
    (world) => {
      const { origin, routes } = world.server
      const here = routes[`${PRM}/mcp`]
      challengesWith(`Bearer resource_metadata="ftp://${new URL(origin).host}/prm"`, world)
      routes[`${PRM}/mcp`] = () => ({ status: 500, json: { error: 'Only HTML requests are supported here' } })
      if (here) routes[PRM] = here
    },
  ],
  [
    'resource metadata without a resource, with an unknown member',
    (world) => {
      const issuer = world.issuer.origin
      world.server.routes[`${PRM}/mcp`] = () => ({
        json: { authorization_server: issuer, authorization_servers: [issuer] },
      })
    },
  ],
  [
    'two authorization servers, the first of which is gone',
    (world) => {
      const { origin } = world.server
      world.server.routes[`${PRM}/mcp`] = () => ({
        json: { resource: `${origin}/mcp`, authorization_servers: ['http://127.0.0.1:9', world.issuer.origin] },
      })
    },
  ],
  [
    'an authorization server with its document below its own path',
    (world) => {
      world.state.issuer = `${world.issuer.origin}/as`
      Object.assign(
        world.issuer.routes,
        authorizationRoutes(world.issuer.origin, { metadata: { issuer: `${world.issuer.origin}/as` } }),
      )
      moves(world.issuer.routes, OAUTH, `/as${OAUTH}`)
    },
  ],
  [
    'an authorization server whose OAuth document lacks a member, beside a whole OpenID one',
    (world) => {
      moves(world.issuer.routes, OAUTH, OIDC)
      world.issuer.routes[OAUTH] = () => ({ json: { issuer: world.issuer.origin, token_endpoint: null } })
    },
  ],
]

describe('a sign-in succeeds at', () => {
  test.each(WORLDS)('%s', async (_, arrange) => {
    stage = await startProtectedStage()
    arrange(stage)
    const host = stage.host()
    expect(await host.isMet()).toBe(true)
    expect((await host.request('tools/call', { name: 'one', arguments: {} })).result).toBeDefined()
    expect(stage.tabs()).toBe(1)
    await host.close()
  })
})

describe('no tab opens, no client is registered and the error names what each address gave at', () => {
  /** Nothing but the metadata was asked for. */
  const untouched = ({ server, issuer }: Stage) =>
    [...server.requests, ...issuer.requests].filter(({ path }) => /^\/(register|authorize|token)$/.test(path))

  test.each([
    [
      'a server whose resource metadata is 503, although it would be an authorization server itself',
      'authorization_server_error',
      [`503 at ${PRM}/mcp`, `404 at ${PRM}`],
      (world: Stage) => {
        ownServer(world)
        world.server.routes[`${PRM}/mcp`] = () => ({ status: 503 })
      },
    ],
    [
      'a server without resource metadata whose metadata is 503, although the default endpoints exist',
      'authorization_server_error',
      [`503 at ${OAUTH}.`, '404 at', OIDC],
      (world: Stage) => {
        challengesWith('Bearer', world)
        ownServer(world)
        world.server.routes[OAUTH] = () => ({ status: 503 })
      },
    ],
    [
      'a server that names resource metadata which does not exist, although the default endpoints do',
      'discovery_failed',
      [`404 at ${PRM}/mcp`, OAUTH, OIDC],
      (world: Stage) => {
        challengesWith(`Bearer resource_metadata="${world.server.origin}${PRM}/mcp"`, world)
        ownServer(world)
        delete world.server.routes[OAUTH]
      },
    ],
    [
      'a server whose own document names another issuer, whose metadata names a third one',
      'issuer_mismatch',
      ['https://third.example'],
      (world: Stage) => {
        challengesWith('Bearer', world)
        ownServer(world, { issuer: world.issuer.origin })
        world.issuer.routes[OAUTH] = () => ({ json: { issuer: 'https://third.example' } })
      },
    ],
    [
      'two authorization servers, the first of which names another issuer',
      'issuer_mismatch',
      ['https://third.example'],
      (world: Stage) => {
        const { origin } = world.server
        world.server.routes[`${PRM}/mcp`] = () => ({
          json: { resource: `${origin}/mcp`, authorization_servers: [`${world.issuer.origin}/x`, world.issuer.origin] },
        })
        world.issuer.routes[`${OAUTH}/x`] = () => ({ json: { issuer: 'https://third.example' } })
      },
    ],
  ] as const)('%s', async (_, code, words, arrange) => {
    stage = await startProtectedStage()
    arrange(stage)
    const host = stage.host()
    const error = await host.failure()
    expect(error.data.code).toBe(code)
    for (const word of words) expect(error.message).toContain(word)
    expect(stage.tabs()).toBe(0)
    expect(untouched(stage)).toEqual([])
    await host.close()
  })
})

describe('a server that wants a key and no sign-in', () => {
  test('Issue: no authorization server is found', async () => {
    stage = await startProtectedStage()
    challengesWith('Bearer', stage)
    const host = stage.host()
    const { message, data } = await host.failure()
    expect(data.code).toBe('discovery_failed')
    expect(data.hint).toContain('--header-file')
    expect(message).toContain('publishes no metadata')
    expect(message).toContain('/register')
    expect(stage.tabs()).toBe(0)
    await host.close()
  })

  test('is not taken for one with default endpoints by doctor, which warns about those that exist', async () => {
    stage = await startProtectedStage()
    challengesWith('Bearer', stage)
    const url = `${stage.server.origin}/mcp`
    const reported = async () => JSON.parse((await stage.command('doctor', url, '--json')).stdout)
    const found = (report: { checks: { name: string }[] }, name: string) =>
      report.checks.find((check) => check.name === name)
    const missing = await reported()
    expect(missing.likely_cause).toMatchObject({ name: 'authorization_server_metadata', code: 'discovery_failed' })
    expect(missing.likely_cause.remedy).toContain('--header-file')
    ownServer(stage)
    delete stage.server.routes[OAUTH]
    stage.server.routes['/authorize'] = () => ({ status: 400, text: 'client_id is missing' })
    const guessed = await reported()
    expect(found(guessed, 'authorization_server_metadata')).toMatchObject({ status: 'warn' })
    expect(found(guessed, 'pkce')).toMatchObject({ status: 'warn', detail: expect.stringContaining('it is sent') })
    expect(guessed.ok).toBe(true)
  })
})

test('metadata that names the server with another scheme is refused, and with trusted_resource it is used as written', async () => {
  stage = await startProtectedStage()
  const { server, issuer, home } = stage
  const named = `${server.origin}/mcp`.replace('http:', 'https:')
  server.routes[`${PRM}/mcp`] = () => ({ json: { resource: named, authorization_servers: [issuer.origin] } })
  const refused = stage.host()
  const { data } = await refused.failure()
  expect(data.code).toBe('resource_mismatch')
  expect(data.hint).toContain(`trusted_resource: "${named}"`)
  await refused.close()
  const config = join(home, 'config.yaml')
  const entry = `{ url: "${server.origin}/mcp", trusted_resource: "${named}" }`
  writeFileSync(config, `servers: { old: ${entry} }\n`, { mode: 0o600 })
  expect((await stage.command('login', 'old', '--config', config)).code).toBe(0)
  const authorization = issuer.requests.find(({ path }) => path === '/authorize')
  expect(authorization?.query.get('resource')).toBe(named)
  const report = JSON.parse((await stage.command('doctor', 'old', '--config', config, '--json')).stdout)
  const check = report.checks.find(({ name }: { name: string }) => name === 'protected_resource_metadata')
  expect(check).toMatchObject({ status: 'warn', code: 'resource_mismatch' })
})
