// Odd authorization servers with the whole program: another proof of the client, nothing that the server refuses, and a way out for a person.
import { afterEach, describe, expect, test } from 'vitest'
import type { Answer, Routes, Seen } from '../servers/scriptedOrigin.ts'
import { startProtectedStage } from '../servers/scriptedStage.ts'

type Stage = Awaited<ReturnType<typeof startProtectedStage>>
const open: Stage[] = []
afterEach(async () => {
  await Promise.all(open.splice(0).map((stage) => stage.close()))
})

/** A stage whose authorization server answers some requests in its own way; undefined: as usual. */
async function startOdd(odd: Record<string, (seen: Seen) => Answer | undefined>, metadata = {}) {
  const stage = await startProtectedStage(metadata)
  open.push(stage)
  const usual: Routes = { ...stage.issuer.routes }
  for (const [path, answer] of Object.entries(odd))
    stage.issuer.routes[path] = (seen) => answer(seen) ?? usual[path]?.(seen) ?? { status: 404 }
  return stage
}

const url = ({ server }: Stage) => `${server.origin}/mcp`
const seen = ({ issuer }: Stage, path: string) => issuer.requests.filter((request) => request.path === path)
const form = ({ body }: Seen) => Object.fromEntries(new URLSearchParams(body))
const refusedInRedirect = ({ query }: Seen, error: string) => {
  const to = new URL(query.get('redirect_uri') ?? '')
  for (const [name, value] of Object.entries({ error, state: query.get('state') ?? '' }))
    to.searchParams.set(name, value)
  return { status: 302, headers: { location: to.href } }
}
const withSecret = () => ({ status: 201, json: { client_id: 'c', client_secret: 'its-secret' } })

describe('a bridge signs in with one tab to a server that', () => {
  test('looks for the client in the body alone, whatever it lists', async () => {
    const stage = await startOdd(
      {
        '/register': withSecret,
        '/token': (request) =>
          request.headers.authorization === undefined && form(request).client_secret === 'its-secret'
            ? undefined
            : { status: 401, json: { error: 'invalid_client' } },
      },
      { token_endpoint_auth_methods_supported: ['client_secret_basic'] },
    )
    const host = stage.host()
    expect(await host.isMet()).toBe(true)
    expect(stage.tabs()).toBe(1)
    expect(seen(stage, '/register')).toHaveLength(1)
    expect(seen(stage, '/token')).toHaveLength(2)
    await host.close()
    expect((await stage.command('refresh', url(stage))).code).toBe(0)
    expect(seen(stage, '/token')).toHaveLength(3)
  })

  test('has spent the code before it says which method it takes', async () => {
    const used = new Set<string>()
    const stage = await startOdd({
      '/register': withSecret,
      '/authorize': ({ query }) => {
        const to = new URL(query.get('redirect_uri') ?? '')
        to.searchParams.set('code', `code-of-${query.get('state')}`)
        to.searchParams.set('state', query.get('state') ?? '')
        return { status: 302, headers: { location: to.href } }
      },
      '/token': (request) => {
        const { code = '', client_secret } = form(request)
        const isUsed = used.has(code)
        used.add(code)
        if (client_secret === undefined) return { status: 401, json: { error: 'invalid_client' } }
        return isUsed ? { status: 400, json: { error: 'invalid_grant' } } : undefined
      },
    })
    const host = stage.host()
    expect(await host.isMet()).toBe(true)
    expect(stage.tabs()).toBe(1)
    expect(seen(stage, '/register')).toHaveLength(1)
  })

  test('refuses offline_access and the resource', async () => {
    const stage = await startOdd(
      {
        '/authorize': (request) => {
          if (request.query.has('resource')) return refusedInRedirect(request, 'invalid_target')
          const isLasting = request.query.get('scope')?.includes('offline_access')
          return isLasting ? refusedInRedirect(request, 'invalid_scope') : undefined
        },
      },
      { scopes_supported: ['offline_access'] },
    )
    stage.server.routes['/.well-known/oauth-protected-resource/mcp'] = () => ({
      json: { resource: url(stage), authorization_servers: [stage.issuer.origin], scopes_supported: ['files'] },
    })
    expect((await stage.command('login', url(stage))).code).toBe(0)
    expect(stage.tabs()).toBe(1)
    const before = seen(stage, '/authorize').length
    expect(before).toBe(3)
    // The next one begins without them; one more request is the probe.
    expect((await stage.command('login', url(stage))).stderr).toContain('Already signed in')
    expect((await stage.command('logout', url(stage))).code).toBe(0)
    expect((await stage.command('login', url(stage))).code).toBe(0)
    const last = seen(stage, '/authorize').at(-1)
    expect(last?.query.has('resource')).toBe(false)
    expect(last?.query.get('scope')).toBe('files')
  })

  test('registers no localhost and no application type', async () => {
    const stage = await startOdd({
      '/register': ({ body }) => {
        if (body.includes('application_type')) return { status: 400, json: { error: 'invalid_client_metadata' } }
        return body.includes('localhost') ? { status: 400, json: { error: 'invalid_redirect_uri' } } : undefined
      },
    })
    const host = stage.host()
    expect(await host.isMet()).toBe(true)
    expect(seen(stage, '/authorize').at(-1)?.query.get('redirect_uri')).toMatch(/^http:\/\/127\.0\.0\.1:/)
    await host.close()
    expect((await stage.command('refresh', url(stage))).code).toBe(0)
    const { checks } = JSON.parse((await stage.command('doctor', url(stage), '--json')).stdout) as {
      checks: { name: string; status: string }[]
    }
    for (const name of ['registration', 'redirect_uri', 'refresh'])
      expect(checks.find((check) => check.name === name)).toMatchObject({ status: 'pass' })
  })

  test('is at the MCP server’s own origin and answers 403 to its cookies', async () => {
    const stage = await startOdd({})
    const { issuer, server } = stage
    const protectedMcp = server.routes['/mcp']
    for (const [path, answer] of Object.entries(issuer.routes)) {
      issuer.routes[path] = (request) => ({
        ...(request.headers.cookie === undefined ? answer(request) : { status: 403, json: { error: 'cookie' } }),
        ...(path === '/token' ? { headers: { 'set-cookie': 'login=1; Path=/' } } : {}),
      })
    }
    const cookies: (string | undefined)[] = []
    issuer.routes['/mcp'] = (request) => {
      cookies.push(request.headers.cookie)
      const answer = protectedMcp?.(request) ?? {}
      const challenge = answer.status === 401 ? { 'www-authenticate': 'Bearer' } : {}
      return { ...answer, headers: { ...challenge, 'set-cookie': 'mcp=1; Path=/' } }
    }
    issuer.routes['/.well-known/oauth-protected-resource/mcp'] = () => ({
      json: { resource: `${issuer.origin}/mcp`, authorization_servers: [issuer.origin] },
    })
    expect((await stage.command('login', `${issuer.origin}/mcp`)).code).toBe(0)
    expect(cookies.join(' ')).toContain('mcp=1')
    expect(cookies.join(' ')).not.toContain('login=1')
  })
})

describe('a person whose client the server shows only an error page', () => {
  /** Knows the newest client alone, and says so to a browser that has its cookie only. */
  const forgetful = async () => {
    const state = { count: 0, known: '' }
    const stage = await startOdd({
      '/register': () => {
        state.known = `client-${++state.count}`
        const management = {
          registration_client_uri: `${stage.issuer.origin}/manage/${state.known}`,
          registration_access_token: 'm',
        }
        return { status: 201, json: { client_id: state.known, ...management } }
      },
      '/authorize': ({ query }) =>
        query.get('client_id') === state.known ? undefined : { text: '<p>Something went wrong</p>', status: 200 },
      '/manage/client-1': () => ({ status: 204 }),
    })
    expect((await stage.command('login', url(stage))).code).toBe(0)
    return { stage, state }
  }

  test('signs in with login --force', async () => {
    const { stage, state } = await forgetful()
    state.known = 'none'
    expect((await stage.command('login', url(stage), '--force')).code).toBe(0)
    expect(seen(stage, '/register')).toHaveLength(2)
    expect((await stage.command('refresh', url(stage))).code).toBe(0)
  })

  test('signs in after logout, which deletes the registration at a server that can', async () => {
    const { stage, state } = await forgetful()
    expect((await stage.command('logout', url(stage))).code).toBe(0)
    expect(seen(stage, '/manage/client-1').map(({ method, headers }) => [method, headers.authorization])).toEqual([
      ['DELETE', 'Bearer m'],
    ])
    state.known = 'none'
    expect((await stage.command('login', url(stage))).code).toBe(0)
    expect(seen(stage, '/register')).toHaveLength(2)
  })

  test('keeps the other profile signed in', async () => {
    const { stage } = await forgetful()
    expect((await stage.command('login', url(stage), '--profile', 'two')).code).toBe(0)
    expect((await stage.command('login', url(stage), '--profile', 'two', '--force')).code).toBe(0)
    expect(seen(stage, '/register')).toHaveLength(2)
    expect((await stage.command('refresh', url(stage))).code).toBe(0)
    expect(form(seen(stage, '/token').at(-1) as Seen).client_id).toBe('client-1')
    expect((await stage.command('logout', url(stage), '--profile', 'two')).code).toBe(0)
    expect(seen(stage, '/manage/client-1')).toEqual([])
  })

  test('is not stuck behind a pending sign-in with the old client: login --force replaces it, and its bridge goes on', async () => {
    const { stage, state } = await forgetful()
    expect((await stage.command('logout', url(stage), '--keep-remote')).code).toBe(0)
    state.known = 'none'
    const registers = stage.issuer.routes['/register']
    stage.issuer.routes['/register'] = () => ({ status: 503 })
    const before = seen(stage, '/authorize').length
    const host = stage.host()
    await host.initialize()
    const called = host.request('tools/call', { name: 'any' })
    // The probe, and the tab with the old client.
    await stage.issuer.until(() => seen(stage, '/authorize').length === before + 2)
    if (registers) stage.issuer.routes['/register'] = registers
    expect((await stage.command('login', url(stage), '--force')).code).toBe(0)
    expect(state.count).toBe(2)
    expect((await called).error).toBeUndefined()
  })
})
