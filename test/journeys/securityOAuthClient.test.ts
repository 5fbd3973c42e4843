// Security of the OAuth client, with the real program: what a hostile server answers, and that nothing of ours goes astray.
import { afterEach, describe, expect, test } from 'vitest'
import { startScriptedIssuer, startScriptedOrigin } from '../servers/scriptedOrigin.ts'
import { startProtectedStage } from '../servers/scriptedStage.ts'

type Stage = Awaited<ReturnType<typeof startProtectedStage>>
type Site = Awaited<ReturnType<typeof startScriptedOrigin>>

const open: { close(): Promise<unknown> }[] = []
afterEach(async () => {
  await Promise.all(open.splice(0).map((one) => one.close()))
})
async function kept<T extends { close(): Promise<unknown> }>(starting: Promise<T>): Promise<T> {
  const started = await starting
  open.push(started)
  return started
}
const newStage = (metadata: Record<string, unknown> = {}): Promise<Stage> => kept(startProtectedStage(metadata))
const called = (site: Site, path: string) => site.requests.filter((seen) => seen.path === path)

/** A host starts, and its initialize is answered with this error. */
async function refused(stage: Stage, ...args: string[]) {
  const error = await stage.host(...args).failure()
  expect(error.data.source).toBe('mcp-oauth-bridge')
  return error as { message: string; data: { code: string; hint: string } }
}

describe('the metadata of the authorization server', () => {
  test.each([
    ['lists plain alone', { code_challenge_methods_supported: ['plain'] }],
    ['lists no method', { code_challenge_methods_supported: undefined }],
  ])('when S256 is not in code_challenge_methods_supported because it %s, the sign-in is refused', async (_, more) => {
    const stage = await newStage(more)
    expect((await refused(stage)).data.code).toBe('pkce_unsupported')
    expect(stage.tabs()).toBe(0)
    expect(called(stage.issuer, '/register')).toEqual([])
  })

  test('when its issuer is not the URL it was fetched for, the sign-in is refused with both strings', async () => {
    const stage = await newStage({ issuer: 'https://honest.example' })
    const { data, message } = await refused(stage)
    expect(data.code).toBe('issuer_mismatch')
    expect(message).toContain('https://honest.example')
    expect(message).toContain(stage.issuer.origin)
    expect(stage.tabs()).toBe(0)
  })

  test.each(['authorization_endpoint', 'token_endpoint', 'registration_endpoint', 'jwks_uri'])(
    'when its %s is http on a host that is not loopback, the sign-in is refused',
    async (name) => {
      const stage = await newStage({ [name]: 'http://as.example/x' })
      const { data, message } = await refused(stage)
      expect(data.code).toBe('discovery_failed')
      expect(message).toContain('http://as.example')
      expect(stage.tabs()).toBe(0)
    },
  )

  test('when it has ANSI escapes and bidi controls, they are removed from what a person sees', async () => {
    const stage = await newStage({ issuer: 'https://evil.example/\u001b[2J\u202egnp\u0007' })
    const { message } = await refused(stage)
    expect(message).toContain('https://evil.example/')
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
    expect(message).not.toMatch(/[\u0000-\u001f\u202a-\u202e]/)
  })
})

describe('a redirect to another origin gets no bearer, cookie, custom or X-User-* header, and no body', () => {
  const PLACES: readonly [string, (stage: Stage) => [Site, string]][] = [
    ['the protected-resource metadata', ({ server }) => [server, '/.well-known/oauth-protected-resource/mcp']],
    ['the authorization-server metadata', ({ issuer }) => [issuer, '/.well-known/oauth-authorization-server']],
    ['the registration endpoint', ({ issuer }) => [issuer, '/register']],
    ['the token endpoint', ({ issuer }) => [issuer, '/token']],
  ]
  test.each(PLACES.flatMap(([what, where]) => [302, 307].map((status) => [what, status, where] as const)))(
    'when %s answers %i',
    async (_, status, where) => {
      const stage = await newStage()
      const thief = await kept(startScriptedOrigin())
      const [site, path] = where(stage)
      site.routes[path] = () => ({ status, headers: { location: `${thief.origin}/take` } })
      await refused(stage, '--header', 'X-Api-Key: canary')
      expect(called(site, path).length).toBeGreaterThan(0)
      expect(thief.requests).toEqual([])
    },
  )

  test.each([302, 307, 308])('when the MCP endpoint answers %i after the sign-in', async (status) => {
    const stage = await newStage()
    const thief = await kept(startScriptedOrigin())
    const host = stage.host('--header', 'X-Api-Key: canary')
    expect(await host.isMet()).toBe(true)
    stage.server.routes['/mcp'] = () => ({ status, headers: { location: `${thief.origin}/take` } })
    const { error } = await host.request('tools/call', { name: 'x', arguments: {} })
    expect(error.data.code).toBe('redirect_refused')
    expect(thief.requests).toEqual([])
  })

  test.each([302, 307, 308])(
    'when the MCP endpoint answers %i to the standing stream and to the end of the session',
    async (status) => {
      const stage = await newStage()
      const thief = await kept(startScriptedOrigin())
      const plain = stage.server.routes['/mcp']
      stage.server.routes['/mcp'] = (seen) => {
        if (seen.headers.authorization !== undefined && seen.method !== 'POST')
          return { status, headers: { location: `${thief.origin}/take` } }
        return {
          ...plain?.(seen),
          headers: { ...plain?.(seen).headers, 'mcp-session-id': 's', 'set-cookie': 'c=canary' },
        }
      }
      const host = stage.host('--header', 'X-Api-Key: canary')
      expect(await host.isMet()).toBe(true)
      await stage.server.until(({ method, path }) => method === 'GET' && path === '/mcp')
      expect(await host.close()).toBe(0)
      expect(called(stage.server, '/mcp').map(({ method }) => method)).toEqual(
        expect.arrayContaining(['GET', 'DELETE']),
      )
      expect(thief.requests).toEqual([])
    },
  )

  test.each([302, 307])('when the userinfo and revocation endpoints answer %i', async (status) => {
    const stage = await newStage()
    const thief = await kept(startScriptedOrigin())
    const { origin, routes } = stage.issuer
    const names = ['userinfo', 'revocation']
    const named = Object.fromEntries(names.map((name) => [`${name}_endpoint`, `${origin}/${name}`]))
    const metadata = routes['/.well-known/oauth-authorization-server']
    routes['/.well-known/oauth-authorization-server'] = (seen) => ({
      json: { ...(metadata?.(seen).json as object), ...named },
    })
    for (const name of names) routes[`/${name}`] = () => ({ status, headers: { location: `${thief.origin}/take` } })
    const host = stage.host()
    expect(await host.isMet()).toBe(true)
    expect(await host.close()).toBe(0)
    await stage.command('logout', '--all')
    for (const name of names) expect(called(stage.issuer, `/${name}`).length, name).toBeGreaterThan(0)
    expect(thief.requests).toEqual([])
  })
})

describe('the resource', () => {
  test('when the metadata is for another server, no token is requested', async () => {
    const stage = await newStage()
    stage.server.routes['/.well-known/oauth-protected-resource/mcp'] = () => ({
      json: { resource: 'https://other.example/mcp', authorization_servers: [stage.issuer.origin] },
    })
    expect((await refused(stage)).data.code).toBe('resource_mismatch')
    expect(stage.tabs()).toBe(0)
    expect(stage.issuer.requests).toEqual([])
  })

  test('is sent byte for byte as the metadata spells it, to both endpoints, and not at all with --resource none', async () => {
    const stage = await newStage()
    const spelt = stage.server.origin.toUpperCase().replace('HTTP', 'HtTp')
    stage.server.routes['/.well-known/oauth-protected-resource/mcp'] = () => ({
      json: { resource: spelt, authorization_servers: [stage.issuer.origin] },
    })
    await stage.host().initialize()
    expect(called(stage.issuer, '/authorize').map(({ query }) => query.get('resource'))).toEqual([spelt])
    expect(called(stage.issuer, '/token').map(({ body }) => new URLSearchParams(body).get('resource'))).toEqual([spelt])
    await stage.host('--profile', 'other', '--resource', 'none').initialize()
    expect(called(stage.issuer, '/authorize').at(-1)?.query.has('resource')).toBe(false)
    expect(called(stage.issuer, '/token').at(-1)?.body).not.toContain('resource')
  })
})

describe('another authorization server', () => {
  /** Signed in at the first issuer, which from now on refreshes nothing; the server then names the second. */
  async function changed() {
    const stage = await newStage()
    const second = await kept(startScriptedIssuer())
    const host = stage.host('--header', 'X-Api-Key: canary')
    expect(await host.isMet()).toBe(true)
    stage.issuer.routes['/token'] = () => ({ status: 400, json: { error: 'invalid_grant' } })
    stage.state.issuer = second.origin
    const theirs = new Set<string>()
    second.routes['/token'] = () => {
      theirs.add('token-of-the-second')
      return { json: { access_token: 'token-of-the-second', token_type: 'Bearer' } }
    }
    stage.state.accepts = (token) => theirs.has(token)
    return { stage, second, host }
  }

  test('when a server names another one mid-session, neither token nor client of the first is sent there', async () => {
    const { stage, second, host } = await changed()
    expect((await host.request('tools/call', { name: 'x', arguments: {} })).result).toBeDefined()
    const sent = JSON.stringify(second.requests.map(({ headers, body, query }) => [headers, body, query.toString()]))
    expect(sent).not.toContain(encodeURIComponent(stage.issuer.origin))
    expect(sent).not.toMatch(/token-\d|refresh-\d/)
    expect(called(second, '/register')).toHaveLength(1)
  })

  test('when a challenge mid-session names metadata at another origin, nothing stored is sent there', async () => {
    const { stage, second, host } = await changed()
    const elsewhere = await kept(startScriptedOrigin())
    elsewhere.routes['/prm'] = () => ({
      json: { resource: `${stage.server.origin}/mcp`, authorization_servers: [second.origin] },
    })
    const plain = stage.server.routes['/mcp']
    stage.server.routes['/mcp'] = (seen) => {
      const answer = plain?.(seen) ?? {}
      const challenge = { 'www-authenticate': `Bearer resource_metadata="${elsewhere.origin}/prm"` }
      return answer.status === 401 ? { ...answer, headers: challenge } : answer
    }
    expect((await host.request('tools/call', { name: 'x', arguments: {} })).result).toBeDefined()
    expect(called(elsewhere, '/prm')).toHaveLength(1)
    const sent = JSON.stringify([...elsewhere.requests, ...second.requests].map(({ headers, body }) => [headers, body]))
    expect(sent).not.toMatch(/token-\d|refresh-\d|canary/)
    expect(stage.tabs()).toBe(2)
  })

  test('when its token is refused as well, there was one sign-in for this cause and not a second', async () => {
    const { stage, second, host } = await changed()
    stage.state.accepts = () => false
    const { error } = await host.request('tools/call', { name: 'x', arguments: {} })
    expect(error.data.code).toBe('unauthorized')
    expect(called(second, '/authorize')).toHaveLength(1)
    expect(stage.tabs()).toBe(2)
  })

  test('when a person’s own client was used with the first, its secret is not sent to the second', async () => {
    const stage = await newStage()
    const second = await kept(startScriptedIssuer())
    const own = ['--client-id', 'mine', '--profile', 'own']
    expect(await stage.host(...own).isMet()).toBe(true)
    stage.state.issuer = second.origin
    stage.state.accepts = () => false
    stage.issuer.routes['/token'] = () => ({ status: 400, json: { error: 'invalid_grant' } })
    const host = stage.host(...own)
    const { error } = await host.request('tools/call', { name: 'x', arguments: {} })
    expect(error.data.code).toBe('client_issuer_changed')
    expect(second.requests.map(({ path }) => path)).toEqual(['/.well-known/oauth-authorization-server'])
  })
})

describe('metadata', () => {
  test.each([
    ['is larger than 1 MB', { text: `{"a":"${'x'.repeat(1024 * 1024)}"}` }],
    ['is a web page', { text: '<html>', headers: { 'content-type': 'text/html' } }],
    ['is a JSON array', { json: [] }],
  ])('when it %s, it is not used', async (_, answer) => {
    const stage = await newStage()
    for (const name of ['oauth-authorization-server', 'openid-configuration'])
      stage.issuer.routes[`/.well-known/${name}`] = () => answer
    expect((await refused(stage)).data.code).toBe('discovery_failed')
    expect(stage.tabs()).toBe(0)
  })

  test('of the protected resource, when it is larger than 1 MB, is not used', async () => {
    const stage = await newStage()
    const json = { resource: `${stage.server.origin}/mcp`, authorization_servers: [stage.issuer.origin] }
    stage.server.routes['/.well-known/oauth-protected-resource/mcp'] = () => ({
      json: { ...json, padding: 'x'.repeat(1024 * 1024) },
    })
    expect((await refused(stage)).data.code).toBe('discovery_failed')
    expect(stage.issuer.requests).toEqual([])
  })
})

describe('a text of a server with ANSI escapes and bidi controls loses them', () => {
  const HOSTILE = '\u001b]0;title\u0007\u001b[2J\u009b31mgood\u202egnp.exe\u2066\u061c\u200b'
  const controls = (text: string) => /[\p{Cc}\p{Cf}]/u.exec(text.replaceAll('\n', ''))?.[0]

  test('when it is a device code or the address to enter it at', async () => {
    const stage = await newStage()
    const { origin, routes } = stage.issuer
    const metadata = routes['/.well-known/oauth-authorization-server']
    routes['/.well-known/oauth-authorization-server'] = (seen) => ({
      json: { ...(metadata?.(seen).json as object), device_authorization_endpoint: `${origin}/device` },
    })
    routes['/device'] = () => ({
      json: {
        ...{ device_code: 'd', user_code: `AB${HOSTILE}`, expires_in: 60, interval: 1 },
        verification_uri: `${origin}/here?${HOSTILE}`,
      },
    })
    const { code, stderr } = await stage.command('login', `${stage.server.origin}/mcp`, '--device')
    expect(code).toBe(0)
    expect(stderr).toMatch(/enter this code: {2}AB.*good.*gnp\.exe/)
    expect(stderr).toContain(`${origin}/here?`)
    expect(controls(stderr)).toBeUndefined()
  })

  test('when doctor reports on the server, as text and as JSON', async () => {
    const stage = await newStage()
    await stage.host().initialize()
    const plain = stage.server.routes['/mcp']
    stage.server.routes['/mcp'] = (seen) => {
      const answer = plain?.(seen) ?? {}
      if (!seen.body.includes('"initialize"') || answer.status !== undefined) return answer
      const serverInfo = { name: HOSTILE, version: HOSTILE }
      const { id } = JSON.parse(seen.body)
      return { json: { jsonrpc: '2.0', id, result: { protocolVersion: '2025-11-25', capabilities: {}, serverInfo } } }
    }
    for (const more of [[], ['--json']]) {
      const { stdout } = await stage.command('doctor', `${stage.server.origin}/mcp`, ...more)
      expect(stdout).toContain('gnp.exe')
      expect(controls(stdout)).toBeUndefined()
    }
  })
})

describe('a text of a server that is designed to slow down our patterns', () => {
  test.each(['http://', 'eyJ-'])(
    'when a megabyte of metadata repeats %j, it is refused like any other',
    async (part) => {
      const stage = await newStage({ issuer: part.repeat(900_000 / part.length) })
      const { data, message } = await refused(stage)
      expect(data.code).toBe('issuer_mismatch')
      expect(message.length).toBeLessThan(3_000)
    },
  )

  test('when an answer has such an id, the request gets an error and the bridge goes on', async () => {
    const stage = await newStage()
    const host = stage.host()
    await host.initialize()
    const plain = stage.server.routes['/mcp']
    stage.server.routes['/mcp'] = () => ({ json: { jsonrpc: '2.0', id: 'http://'.repeat(150_000), result: {} } })
    const { error } = await host.request('ping')
    expect(error.data.code).toBe('invalid_protocol')
    stage.server.routes['/mcp'] = (seen) => plain?.(seen) ?? {}
    expect((await host.request('ping')).result).toBeDefined()
  })
})

describe('a token', () => {
  test.each([
    ['CR and LF', 'one\r\nX-Evil: 1'],
    ['a lone CR', 'one\rtwo'],
    ['a lone LF', 'one\ntwo'],
    ['NUL', 'one\u0000two'],
    ['another script', 'tökén'],
    ['1 MB', 'x'.repeat(1024 * 1024)],
    ['100 kB', 'x'.repeat(100 * 1024)],
  ])('when it has %s, it is refused before any header or store', async (_, token) => {
    const stage = await newStage()
    stage.issuer.routes['/token'] = () => ({ json: { access_token: token, token_type: 'Bearer' } })
    const { data, message } = await refused(stage)
    expect(['malformed_token', 'authorization_server_error', 'login_failed']).toContain(data.code)
    expect(message.length).toBeLessThan(1_000)
    expect(called(stage.server, '/mcp').filter(({ headers }) => headers.authorization !== undefined)).toEqual([])
  })

  test('when the refresh token has CR and LF, nothing of the answer is stored', async () => {
    const stage = await newStage()
    stage.issuer.routes['/token'] = () => ({
      json: { access_token: 'good', refresh_token: 'bad\r\n', token_type: 'Bearer' },
    })
    expect((await refused(stage)).data.code).toBe('malformed_token')
    expect(called(stage.server, '/mcp').filter(({ headers }) => headers.authorization !== undefined)).toEqual([])
  })

  test.each([
    ['access token', 'CR and LF', { access_token: 'new\r\nX-Evil: 1' }],
    ['access token', 'NUL', { access_token: 'new\u0000' }],
    ['access token', '1 MB', { access_token: 'x'.repeat(1024 * 1024) }],
    ['access token', '100 kB', { access_token: 'x'.repeat(100 * 1024) }],
    ['refresh token', 'another script', { access_token: 'new', refresh_token: 'tökén' }],
    ['refresh token', 'a lone CR', { access_token: 'new', refresh_token: 'one\rtwo' }],
  ])(
    'when the %s of a refresh has %s, it is not put into a header, and nothing of the answer is kept',
    async (_, __, answer) => {
      const stage = await newStage()
      const host = stage.host()
      await host.initialize()
      const bearers = () => new Set(called(stage.server, '/mcp').map(({ headers }) => headers.authorization))
      const before = bearers()
      const plain = stage.issuer.routes['/token']
      stage.state.accepts = (token) => token !== 'token-2'
      stage.issuer.routes['/token'] = () => ({ json: { token_type: 'Bearer', ...answer } })
      const { error } = await host.request('tools/list')
      expect(['malformed_token', 'authorization_server_error']).toContain(error.data.code)
      expect(error.message.length).toBeLessThan(1_000)
      expect(bearers()).toEqual(before)
      // The refresh token that is held is still the one of before.
      stage.issuer.routes['/token'] = (seen) => plain?.(seen) ?? {}
      expect((await host.request('tools/list')).result).toBeDefined()
      expect(new URLSearchParams(called(stage.issuer, '/token').at(-1)?.body).get('refresh_token')).toBe('refresh-2')
      expect(stage.tabs()).toBe(1)
    },
  )
})
