// The gateway's settings from a config file: the guide's config as written, defaults, and a sentence for every fault.
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { parseConfigFile } from '../../../../src/config/file/read.ts'
import { parseYaml } from '../../../../src/config/file/yamlText.ts'
import { placesIn } from '../../../../src/config/serve/faults.ts'
import { serveSettings } from '../../../../src/config/serve/serveSettings.ts'
import { serveNotes, serveWarnings } from '../../../../src/config/serve/warnings.ts'
import { tempFolder } from '../../../fakes/tempFolder.ts'
import { errorOf } from '../../../fakes/thrown.ts'

const folder = tempFolder()
const read = (yaml: string) => parseConfigFile(yaml, 'FILE', {}).file
const settings = (yaml: string, allowHttp = false) =>
  serveSettings(read(yaml), { allowHttp }, placesIn(parseYaml(yaml), 'FILE'))
const CLIENT = 'providers: { google: { client_id: id, client_secret: s } }\n'
const SERVER = 'mcp_server_url: http://localhost:3000\n'

const endpointsAt = (tenant: string) =>
  ['authorization', 'token', 'userinfo']
    .map((kind) => `${kind}_endpoint: "https://sso.example/${tenant}/${kind}"`)
    .join(', ')

async function fault(yaml: string) {
  const { code, message } = await errorOf(Promise.resolve().then(() => settings(yaml)))
  return `${code}: ${message}`
}

test('the guide’s config serves its MCP server at /mcp, on the host and port of its callback_url', () => {
  const found = settings(`${SERVER}${CLIENT}callback_url: http://localhost:8080/auth/callback\n`)
  expect(found).toMatchObject({
    listen: { host: 'localhost', port: 8080 },
    publicUrl: 'http://localhost:8080',
    callbackUrl: 'http://localhost:8080/auth/callback',
    servers: [{ name: undefined, url: 'http://localhost:3000/', path: '/mcp', subpaths: true, bearer: 'assertion' }],
    providers: [{ name: 'google', issuer: 'https://accounts.google.com', clientId: 'id', clientSecret: 's' }],
    access: undefined,
    tokens: { accessMs: 3_600_000, refreshIdleMs: 2_592_000_000, refreshMs: 7_776_000_000, reuseGraceMs: 30_000 },
    limits: { bodyBytes: 8 * 1024 * 1024, headerBytes: 16_384, headersMs: 10_000, bodyMs: 60_000 },
    clients: { registration: 'open', documents: true, documentHosts: ['*'], redirectHosts: ['*'], known: [] },
  })
})

test('without any URL of its own it is the guide’s', () => {
  expect(settings(SERVER + CLIENT)).toMatchObject({
    publicUrl: 'http://localhost:8080',
    listen: { host: 'localhost', port: 8080 },
  })
})

test('a public URL of the internet listens on loopback, for the proxy in front of it', () => {
  const found = settings(`${SERVER}${CLIENT}serve: { public_url: https://mcp.example.com }\n`)
  expect(found).toMatchObject({
    publicUrl: 'https://mcp.example.com',
    callbackUrl: 'https://mcp.example.com/auth/callback',
    listen: { host: '127.0.0.1', port: 8080 },
  })
})

test('each of servers has a path of its own, with what its entry says', () => {
  const found = settings(`servers:
  work: { url: https://a.example/mcp, headers: { X-Team: core }, bearer: none, subpaths: true, provider: google, access: everyone }
  other: { url: http://inside:3000/mcp, allow_http: true, access: { domains: [example.com] } }
${CLIENT}serve: { access: { emails: [ann@example.org] } }\n`)
  expect(found.servers).toMatchObject([
    {
      name: 'work',
      path: '/mcp/work',
      headers: { 'x-team': 'core' },
      bearer: 'none',
      subpaths: true,
      access: 'everyone',
    },
    { name: 'other', path: '/mcp/other', subpaths: false, access: { domains: ['example.com'], emails: [] } },
  ])
  expect(found.access).toMatchObject({ emails: ['ann@example.org'], groups: [] })
})

test.each(['a/b', 'a%2Fb', '..', 'a;b', 'a?b'])('of several providers, none has the name %j', async (name) => {
  const client = '{ client_id: i, issuer: "https://sso.example" }'
  expect(await fault(`${SERVER}providers: { "${name}": ${client}, other: ${client} }\n`)).toContain(
    'cannot end its redirect URI',
  )
  expect(settings(`${SERVER}providers: { "${name}": ${client} }\n`).providers).toHaveLength(1)
})

test('two clients at one provider, and two services of one host that have issuers of their own, are taken', () => {
  const names = (providers: string) =>
    settings(`${SERVER}providers: { ${providers} }\n`).providers.map(({ name }) => name)
  expect(names(`a: { client_id: i, ${endpointsAt('a')} }, b: { client_id: j, ${endpointsAt('a')} }`)).toEqual([
    'a',
    'b',
  ])
  const issuers = ['a', 'b'].map(
    (name) => `${name}: { client_id: i, issuer: "https://sso.example/${name}", ${endpointsAt(name)} }`,
  )
  expect(names(issuers.join(', '))).toEqual(['a', 'b'])
})

test('serve.servers and serve.providers choose', () => {
  const found = settings(`${SERVER}servers: { a: { url: "https://a.example/" }, b: { url: "https://b.example/" } }
providers: { google: { client_id: i }, github: { client_id: j } }
serve: { servers: [b], providers: [github] }\n`)
  expect(found.servers.map(({ name }) => name)).toEqual(['b'])
  expect(found.providers.map(({ name }) => name)).toEqual(['github'])
})

test('secrets come from files, and a certificate from its PEM files', () => {
  const at = (name: string, text: string) => {
    const path = folder.fresh(name)
    writeFileSync(path, text)
    return path
  }
  const [cert, key] = ['server.pem', 'server.key'].map((name) =>
    fileURLToPath(new URL(`../../../servers/tls/${name}`, import.meta.url)),
  )
  const secret = at('secret', 'from a file\n')
  const found = settings(`${SERVER}providers: { google: { client_id: i, client_secret_file: ${secret} } }
serve:
  public_url: https://mcp.example.com
  tls: { cert_file: ${cert}, key_file: ${key} }
  clients: { known: { robot: { id: r, secret_file: ${secret}, redirect_uris: ["https://r.example/cb"] } } }\n`)
  expect(found.providers[0]?.clientSecret).toBe('from a file')
  expect(found.clients.known[0]).toMatchObject({ name: 'robot', secret: 'from a file' })
  expect(found.tls?.key).toContain('PRIVATE KEY')
})

describe('a fault', () => {
  test.each([
    [CLIENT, 'Neither mcp_server_url nor servers is set'],
    [SERVER, 'No entry of providers has a client_id'],
    [`${SERVER}providers: { google: {} }`, 'No entry of providers has a client_id'],
    [`${SERVER}providers: { google: {} }\nserve: { providers: [google] }`, 'names "google", which has no client_id'],
    [
      `${SERVER}${CLIENT}serve: { providers: [gogle] }`,
      'serve.providers names "gogle", which is not in providers; did you mean "google"?',
    ],
    [
      `${CLIENT}servers: { work: { url: "https://a.example/" } }\nserve: { servers: [wrok] }`,
      'which is not in servers; did you mean "work"?',
    ],
    [
      `${CLIENT}servers: { w: { url: "https://a.example/", provider: gogle } }`,
      'servers.w.provider names "gogle", which is not in providers; did you mean "google"?',
    ],
    [`${CLIENT}servers: { "a/b": { url: "https://a.example/" } }`, 'cannot be a part of a URL'],
    [`${CLIENT}servers: { "..": { url: "https://a.example/" } }`, 'cannot be a part of a URL'],
    [`${CLIENT}servers: { a: { url: "https://a.example/", transport: sse } }`, 'Streamable HTTP only'],
    [`${CLIENT}${SERVER}servers: { a: { url: "https://a.example/" } }`, 'both set'],
    [`${SERVER}providers: { mine: { client_id: i } }`, 'providers.mine needs its issuer'],
    [
      `${SERVER}providers: { a: { client_id: i, ${endpointsAt('a')} }, b: { client_id: j, ${endpointsAt('b')} } }`,
      'providers.a and providers.b are on one host with different endpoints: set issuer of each',
    ],
    [
      `${SERVER}providers: { a: { client_id: i, issuer: "https://sso.example" }, b: { client_id: j, ${endpointsAt('b')} } }`,
      'providers.a and providers.b are on one host',
    ],
    [
      `${SERVER}${CLIENT}callback_url: https://a.example/auth/callback\nserve: { public_url: "https://b.example" }`,
      'is not under serve.public_url',
    ],
    [`${SERVER}${CLIENT}callback_url: http://a.example/auth/callback`, 'must be https for serve'],
    [`${SERVER}${CLIENT}callback_url: https://a.example/callback`, 'must be https://a.example/auth/callback'],
    [`${SERVER}${CLIENT}callback_url: https://a.example/auth/callback/`, 'must be https://a.example/auth/callback'],
    [`${SERVER}${CLIENT}callback_url: [http://localhost:1/auth/callback, http://localhost:2/auth/callback]`, 'one URL'],
    [
      `${SERVER}${CLIENT}serve: { tokens: { refresh_idle_days: 40, refresh_days: 30 } }`,
      'refresh_idle_days must not be more',
    ],
  ])('in %j is said in words', async (yaml, words) => {
    expect(await fault(yaml)).toContain(words)
    expect(await fault(yaml)).toMatch(/^config_invalid: FILE:\d+:\d+: /)
  })

  test.each([
    [`${SERVER}providers:\n  mine:\n    client_id: i\n`, 'FILE:4:5: providers.mine needs'],
    [`${SERVER}${CLIENT}callback_url: https://a.example/x\n`, 'FILE:3:15: callback_url must be'],
    // The redirect URI of one provider could not be told from that of another.
    [`${SERVER}${CLIENT}callback_url: https://a.example/auth/callback?\n`, 'FILE:3:15: callback_url must be'],
    [`${SERVER}${CLIENT}callback_url: "https://a.example/auth/callback#x"\n`, 'FILE:3:15: callback_url must be'],
    [`${SERVER}${CLIENT}serve:\n  providers: [google, gogle]\n`, 'FILE:4:14: serve.providers names "gogle"'],
    [`${CLIENT}servers:\n  a:\n    url: https://a.example/\n    transport: sse\n`, 'FILE:5:16: servers.a.transport'],
    [`${SERVER}${CLIENT}serve:\n  tokens: { refresh_days: 20, refresh_idle_days: 30 }\n`, 'FILE:4:50: serve.tokens.'],
    [SERVER, 'FILE:1:1: No entry of providers'],
    [`# no servers\n\n${CLIENT}`, 'FILE:3:1: Neither mcp_server_url nor servers'],
    ['{}', 'FILE:1:1: Neither mcp_server_url nor servers'],
    ['', 'FILE:1:1: Neither mcp_server_url nor servers'],
    ['# nothing', 'FILE:1:1: Neither mcp_server_url nor servers'],
  ])('in %j names its line', async (yaml, start) => {
    expect(await fault(yaml)).toContain(start)
  })

  test('does not hide another one: each has a line', async () => {
    const told = await fault(`${SERVER}providers: { mine: { client_id: i } }\ncallback_url: http://a.example/callback`)
    expect(told.split('\n')).toHaveLength(3)
  })

  test.each([
    ['serve: { listen: "8080" }', 'FILE:1:18: serve.listen must be HOST:PORT'],
    ['serve: { listen: "[::1]:99999" }', 'FILE:1:18: serve.listen must be HOST:PORT'],
    ['serve: { public_url: "https://a.example/" }', 'FILE:1:22: serve.public_url must be an origin'],
    ['serve: { public_url: "http://a.example" }', 'FILE:1:22: serve.public_url must be https'],
    ['serve: { tls: { cert_file: x } }', 'FILE:1:15: serve.tls.key_file is missing'],
    [
      'serve: { trusted_proxies: [10.0.0.0/33] }',
      'FILE:1:28: serve.trusted_proxies.0 must be an IP address or a range',
    ],
    ['serve: { acces: everyone }', 'FILE:1:10: unknown key "serve.acces"; did you mean "access"?'],
    ['serve: { access: { domain: [x] } }', 'FILE:1:20: unknown key "serve.access.domain"; did you mean "domains"?'],
    ['serve: { access: { domains: x } }', 'FILE:1:29: serve.access.domains must be a list'],
    ['serve: { consent: never }', 'FILE:1:19: serve.consent must be always'],
    ['cors: { origins: ["*"], allow_credentials: true }', 'FILE:1:44: cors.allow_credentials must not be true beside'],
    ['cors: { origins: ["http://a.example/"] }', 'FILE:1:19: cors.origins.0 '],
  ])('of one key (%j) has its place', (yaml, start) => {
    expect(() => read(yaml)).toThrow(start)
  })

  test('of an MCP server on plain http names the way out', async () => {
    const error = await errorOf(
      Promise.resolve().then(() => settings(`mcp_server_url: http://mcp-server:3000\n${CLIENT}`)),
    )
    expect([error.code, error.hint]).toEqual(['insecure_url', expect.stringContaining('--allow-http')])
    expect(settings(`mcp_server_url: http://mcp-server:3000\n${CLIENT}`, true).servers[0]?.url).toBe(
      'http://mcp-server:3000/',
    )
  })
})

describe('a warning', () => {
  const warned = (yaml: string) => {
    const file = read(yaml)
    return serveWarnings(file, serveSettings(file, { allowHttp: false })).join('\n')
  }

  test.each([
    ['', 'nobody may sign in'],
    ['serve: { access: { emails: [] } }', 'nobody may sign in'],
    ['serve: { access: everyone }', 'serve.access is everyone: anyone who has an account at google'],
    ['serve: { listen: "0.0.0.0:8080" }', 'serve.listen is 0.0.0.0, without serve.tls'],
    ['callback_url: https://localhost:8080/auth/callback', 'https://localhost:8080 answers http only'],
    ['callback_url: https://localhost/auth/callback', 'https://localhost answers http only'],
    ['response_transform: { hide_tools: [x] }', 'hide_tools has no effect in serve'],
    ['cors: { enabled: true }', 'no page may call'],
    ['serve: { trusted_proxies: [0.0.0.0/0] }', 'trusted_proxies has 0.0.0.0/0: every client'],
    ['serve: { trusted_proxies: ["::/0"] }', 'trusted_proxies has ::/0: every client'],
    ['serve: { access: { domains: ["*"] } }', 'serve.access has "*", which matches nobody'],
    ['serve: { access: { domains: ["*.example.com"] } }', 'serve.access has "*.example.com", which matches nobody'],
    ['serve: { access: { domains: [ann@example.com] } }', 'serve.access has "ann@example.com", which matches nobody'],
    ['serve: { access: { emails: ["*@example.com"] } }', 'serve.access has "*@example.com", which matches nobody'],
    ['serve: { access: { emails: [example.com] } }', 'serve.access has "example.com", which matches nobody'],
    ['cors: { origins: ["https://a.example"] }', 'cors.enabled is false'],
  ])('comes for %j', (yaml, words) => {
    expect(warned(`${SERVER}${CLIENT}${yaml}\n`)).toContain(words)
  })

  describe('of what serve does not read of a provider', () => {
    const providers = (chosen: string, resource: string, bearer: string) =>
      `${SERVER}providers: { google: { client_id: a, client_secret: s, resource: "${resource}" }, company: { client_id: b, issuer: "https://sso.example", bearer: ${bearer} } }\nuser_headers: { X-User-Email: email }\nserve: { providers: [${chosen}], access: { emails: [a@example.com] } }\n`

    test('comes where people sign in with it', () => {
      expect(warned(providers('google, company', 'https://api.example', 'id_token')).split('\n')).toEqual([
        'providers.google.resource has no effect in serve: no resource is named to a provider',
        'providers.company.bearer is id_token, which has no effect in serve: servers.<name>.bearer says what a server gets',
      ])
    })

    test.each([
      ['of another provider', providers('google', 'none', 'id_token')],
      ['that says what serve does anyway', providers('google, company', 'none', 'access_token')],
    ])('does not come for a setting %s', (_, yaml) => {
      expect(warned(yaml)).toBe('')
    })
  })

  test('does not come for https where somebody in front can have the certificate', () => {
    const served = (listen: string, origin: string) =>
      `${SERVER}${CLIENT}callback_url: ${origin}/auth/callback\nserve: { listen: "${listen}", access: { emails: [a@example.com] } }\n`
    expect(warned(served('127.0.0.1:8080', 'https://localhost:8443'))).toBe('')
    expect(warned(served('127.0.0.1:443', 'https://mcp.example.com'))).toBe('')
  })

  test('does not come where somebody may sign in, on loopback', () => {
    expect(
      warned(
        `${SERVER}${CLIENT}serve: { access: { domains: [example.com, "@example.org"], emails: [a.b+c@example.net] } }\n`,
      ),
    ).toBe('')
  })

  describe('of several providers', () => {
    const CLIENTS =
      'providers: { google: { client_id: a, client_secret: s }, company: { client_id: b, client_secret: s, issuer: "https://sso.example" }, partner: { client_id: c, client_secret: s, issuer: "https://partner.example" } }\n'
    const server = (more: string) => `servers: { a: { url: "http://localhost:3000"${more} } }\n`
    const quiet = 'user_headers: { X-User-Email: email }\n'
    const only = ', provider: company'

    test.each([
      [
        `${SERVER}serve: { access: { subjects: ["1234"] } }\n${quiet}`,
        ['serve.access.subjects admits who has such a subject at google or company or partner: write issuer#subject'],
      ],
      [
        `${SERVER}serve: { access: { groups: [admins] } }\n${quiet}`,
        ['serve.access.groups counts groups of these names at company or partner'],
      ],
      [
        `${server(', access: { subjects: ["1234"], groups: [admins] }')}serve: { access: everyone }\n${quiet}`,
        ['serve.access is everyone', 'servers.a.access.subjects admits', 'servers.a.access.groups counts'],
      ],
      [
        `${SERVER}serve: { access: { domains: [example.com] } }\n`,
        ['X-User-Id can be the same for two persons, of google or company or partner, at mcp_server_url: '],
      ],
      [
        `${server('')}serve: { access: { domains: [example.com] } }\nuser_headers: { X-Who: sub }\n`,
        ['X-Who can be the same for two persons, of google or company or partner, at servers.a: '],
      ],
    ])('comes where their accounts count as one: %j', (yaml, words) => {
      expect(warned(CLIENTS + yaml).split('\n')).toEqual(words.map((start) => expect.stringContaining(start)))
    })

    test.each([
      `${SERVER}serve: { access: { subjects: ["https://sso.example#1234"], domains: [example.com] } }\n${quiet}`,
      `${server(`${only}, access: { subjects: ["1234"], groups: [admins] }`)}serve: { access: { domains: [example.com] } }\n`,
    ])('does not come where each counts for itself: %j', (yaml) => {
      expect(warned(CLIENTS + yaml)).toBe('')
    })

    test('does not come where there is one', () => {
      expect(warned(`${SERVER}${CLIENT}serve: { access: { subjects: ["1234"], groups: [admins] } }\n`)).toBe('')
    })
  })

  test('has nothing to say of redirect URIs, but what to register where is said, of several providers', () => {
    const notes = (providers: string) => {
      const file = read(`${SERVER}providers: { google: { client_id: i, client_secret: s }${providers} }\n`)
      return serveNotes(file, serveSettings(file, { allowHttp: false }))
    }
    const plain = `"sso & co": { client_id: i, ${endpointsAt('a')} }`
    expect(notes('')).toEqual([])
    expect(notes(`, github: { client_id: i, client_secret: s }, ${plain}`)).toEqual([
      'Redirect URI to register at google: http://localhost:8080/auth/callback/google, or http://localhost:8080/auth/callback if its metadata has authorization_response_iss_parameter_supported: true',
      'Redirect URI to register at github: http://localhost:8080/auth/callback/github',
      'Redirect URI to register at sso & co: http://localhost:8080/auth/callback/sso%20%26%20co',
    ])
  })

  test('is no matter of Authorization in forward_headers, but what it means is said', () => {
    const file = read(`${SERVER}${CLIENT}header_forwarding: { forward_headers: [authorization] }\n`)
    expect(serveNotes(file, serveSettings(file, { allowHttp: false })).join()).toMatch(
      /assertion.*never the client's token/,
    )
  })
})
