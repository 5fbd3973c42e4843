// The settings of one server: entry, provider, flags.
import { writeFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import type { Flags } from '../../../src/config/config.ts'
import type { ConfigFile } from '../../../src/config/file/schema.ts'
import { type Entry, serverConfig } from '../../../src/config/server.ts'
import { tempFolder } from '../../fakes/tempFolder.ts'
import { codeOf, errorOf } from '../../fakes/thrown.ts'

const folder = tempFolder()
const GOOGLE = {
  issuer: 'https://accounts.example',
  client_id: 'g',
  scopes: ['openid'],
  prompt: 'consent',
  audience: 'a',
}

const make = (file: ConfigFile, flags: Partial<Flags> = {}, entry: Partial<Entry> = {}) =>
  serverConfig(
    file,
    { headers: [], authorizeParameters: [], allowHttp: false, openBrowser: true, ...flags },
    { url: 'https://mcp.example/mcp', ...entry },
  )

const write = (text: string | Buffer) => {
  const path = folder.fresh('file')
  writeFileSync(path, text)
  return path
}

describe('the provider', () => {
  test('gives issuer, client, scopes and parameters', () => {
    expect(make({ providers: { google: GOOGLE } }, {}, { provider: 'google' })).toMatchObject({
      issuer: 'https://accounts.example',
      clientId: 'g',
      scopes: ['openid'],
      authorizeParameters: { prompt: 'consent', audience: 'a' },
    })
  })

  test('is the only one if none is named', () => {
    expect(make({ providers: { google: GOOGLE } }).clientId).toBe('g')
    expect(make({ providers: { google: GOOGLE, other: {} } })).not.toHaveProperty('clientId')
    expect(make({})).not.toHaveProperty('clientId')
  })

  test('that is unknown is an error with the closest name', async () => {
    const error = await errorOf(() => make({ providers: { google: GOOGLE } }, {}, { provider: 'gogle' }))
    expect(error.code).toBe('config_invalid')
    expect(error.message).toContain('"google"')
  })

  test.each(['constructor', 'toString'])(
    'named %s, which only exists on every object, is unknown',
    async (provider) => {
      expect(await codeOf(() => make({ providers: { google: GOOGLE } }, {}, { provider }))).toBe('config_invalid')
    },
  )

  test('is overridden by the flags', () => {
    const flags = { clientId: 'f', scope: 'a, b  c', authorizeParameters: ['prompt=login', 'x=1=2', 'empty='] }
    expect(make({ providers: { google: GOOGLE } }, flags)).toMatchObject({
      clientId: 'f',
      scopes: ['a', 'b', 'c'],
      authorizeParameters: { prompt: 'login', audience: 'a', x: '1=2', empty: '' },
    })
  })

  test('has a refresh strategy that overrides the file’s', () => {
    expect(make({ refresh_strategy: 'reauthorize' }).refreshStrategy).toBe('reauthorize')
    expect(
      make({ refresh_strategy: 'reauthorize', providers: { g: { refresh_strategy: 'none' } } }).refreshStrategy,
    ).toBe('none')
    expect(make({}).refreshStrategy).toBe('auto')
  })
})

describe('a client secret', () => {
  test('comes from the flag’s file, else the provider’s file, else the provider', () => {
    const [flag, file] = [write('flag-secret\n'), write('file-secret\r\n')]
    const both = { providers: { g: { client_secret: 'plain', client_secret_file: file } } }
    expect(make(both, { clientSecretFile: flag }).clientSecret).toBe('flag-secret')
    expect(make(both).clientSecret).toBe('file-secret')
    expect(make({ providers: { g: { client_secret: 'plain' } } }).clientSecret).toBe('plain')
  })

  test('may be in a file that PowerShell or an editor of Windows wrote', () => {
    const text = '\ufeffgéheim\r\n'
    for (const bytes of [Buffer.from(text), Buffer.from(text, 'utf16le'), Buffer.from(text, 'utf16le').swap16()])
      expect(make({}, { clientSecretFile: write(bytes) }).clientSecret).toBe('géheim')
  })

  test('in another encoding is refused in words, and not repeated', async () => {
    const path = write(Buffer.from('needle-é', 'latin1'))
    const error = await errorOf(() => make({}, { clientSecretFile: path }))
    expect(error.code).toBe('config_invalid')
    expect(error.message).toContain('is not text in UTF-8, or in UTF-16 with a byte order mark')
    expect(`${error.message} ${error.hint}`).not.toContain('needle')
  })

  test('whose file is missing is an error that names it', async () => {
    const path = folder.fresh('missing')
    const error = await errorOf(() => make({}, { clientSecretFile: path }))
    expect([error.code, error.message.includes(path)]).toEqual(['config_not_found', true])
  })
})

describe('headers', () => {
  const named = (config: { headers: Readonly<Record<string, string>> }) =>
    Object.fromEntries(Object.entries(config.headers).map(([name, value]) => [name.toLowerCase(), value]))

  test.each(['X-Team: core', 'X-Team:core', 'X-Team :  core  ', 'X-Team:\tcore'])('may be written %j', (header) => {
    expect(named(make({}, { headers: [header] }))).toEqual({ 'x-team': 'core' })
  })

  test('keep colons, commas and quotes of the value', () => {
    expect(named(make({}, { headers: ['X-A: a:b, "c"'] }))).toEqual({ 'x-a': 'a:b, "c"' })
  })

  test('may be empty', () => {
    expect(named(make({}, { headers: ['X-A:'] }))).toEqual({ 'x-a': '' })
  })

  test('come from entry, file and flag, and the last one overrides, whatever its case', () => {
    const file = write('# comment\n\nX-B: file\r\nX-C: file\n')
    const config = make(
      {},
      { headerFile: file, headers: ['x-c: flag'] },
      { headers: { 'X-A': 'entry', 'x-B': 'entry', 'X-C': 'entry' } },
    )
    expect(Object.keys(config.headers)).toHaveLength(3)
    expect(named(config)).toEqual({ 'x-a': 'entry', 'x-b': 'file', 'x-c': 'flag' })
  })

  test.each(['X-Team', '', ': x', 'X Team: x', 'X-Ä: x', 'X-A: ü', 'X-A: a\r\nX-B: c', 'X-A: a\nb', 'X-A: \u0000'])(
    'written %j are refused, and the value is not repeated',
    async (header) => {
      const error = await errorOf(() => make({}, { headers: [header] }))
      expect(error.code).toBe('usage')
      expect(error.message).not.toContain('X-B')
    },
  )

  test('of a missing file are an error', async () => {
    expect(await codeOf(() => make({}, { headerFile: folder.fresh('missing') }))).toBe('config_not_found')
  })
})

test.each(['x', '=x', ''])('the authorization parameter %j does not have the form name=value', async (text) => {
  expect(await codeOf(() => make({}, { authorizeParameters: [text] }))).toBe('usage')
})

describe('the exceptions of a server', () => {
  test('are empty, unless its entry names some', () => {
    expect(make({}).exceptions).toEqual({ server: 'https://mcp.example/mcp' })
    const empty = { allow_http: false, allow_missing_s256: false, trusted_issuers: [], allow_private: [] }
    expect(make({}, {}, empty).exceptions).toEqual({ server: 'https://mcp.example/mcp' })
  })

  test('are those of its entry, and plain http by flag', () => {
    const entry = {
      ...{ allow_missing_s256: true, allow_private: ['https://sso.internal.example'] },
      trusted_issuers: [{ expected: 'https://a.example', named: 'https://b.example' }],
      trusted_resource: 'http://mcp.example/mcp',
    }
    expect(make({}, {}, entry).exceptions).toEqual({ server: 'https://mcp.example/mcp', ...entry })
    expect(make({}, { allowHttp: true }).exceptions).toMatchObject({ allow_http: true })
    const http = make({}, {}, { url: 'http://mcp.example/mcp', allow_http: true })
    expect(http).toMatchObject({ allowHttp: true, exceptions: { allow_http: true } })
  })
})

describe('the client', () => {
  test('may have a key, from a file of flag or provider', () => {
    const path = write('-----KEY-----\n')
    expect(make({}, { clientKeyFile: path }).clientKey).toBe('-----KEY-----')
    expect(make({ providers: { p: { client_key_file: path } } }).clientKey).toBe('-----KEY-----')
  })

  test('may be a metadata document, by flag or file', async () => {
    const url = 'https://me.example/client.json'
    expect(make({ client_metadata_url: url }).clientMetadataUrl).toBe(url)
    expect(make({}, { clientMetadataUrl: url }).clientMetadataUrl).toBe(url)
    for (const wrong of ['http://me.example/c.json', 'https://me.example', 'client.json'])
      expect(await codeOf(() => make({}, { clientMetadataUrl: wrong }))).toBe('usage')
  })
})

describe('a custom provider', () => {
  const issuer = (entry: object) => make({ providers: { it: entry } }).issuer

  test('has the issuer of its Microsoft tenant, unless it names one', () => {
    expect(issuer({ tenant_id: 'common' })).toBe('https://login.microsoftonline.com/common/v2.0')
    expect(issuer({ tenant_id: 'common', issuer: 'https://login.microsoftonline.us/x/v2.0' })).toBe(
      'https://login.microsoftonline.us/x/v2.0',
    )
  })

  test('has the issuer of its endpoints if both that matter are configured', () => {
    const both = { authorization_endpoint: 'https://a.example/authorize', token_endpoint: 'https://t.example/token' }
    expect(issuer(both)).toBe('https://t.example')
    expect(issuer({ token_endpoint: 'https://t.example/token' })).toBeUndefined()
    expect(make({ providers: { it: { ...both, jwks_uri: 'https://t.example/keys' } } }).endpoints).toEqual({
      ...both,
      jwks_uri: 'https://t.example/keys',
    })
  })

  test('provides its name, its parameters, its bearer and its grant', () => {
    const entry = { authorize_params: { hd: 'x', prompt: 'login' }, prompt: 'consent', bearer: 'id_token' as const }
    expect(make({ providers: { google: { ...entry, client_credentials: true, resource: 'none' } } })).toMatchObject({
      ...{ provider: 'google', bearer: 'id_token', grant: 'client_credentials', resource: 'none' },
      authorizeParameters: { hd: 'x', prompt: 'login' },
    })
    expect(make({ providers: { it: {} } }, { clientCredentials: true, resource: 'urn:x' })).toMatchObject({
      ...{ grant: 'client_credentials', resource: 'urn:x', bearer: 'access_token' },
    })
  })
})

describe('the protocol', () => {
  test('is auto, else that of the entry as number or text, else that of the flag', () => {
    expect(make({}).protocol).toBe('auto')
    for (const protocol of ['2025', 2025] as const) expect(make({}, {}, { protocol }).protocol).toBe('2025')
    for (const protocol of ['2026', 2026] as const) expect(make({}, {}, { protocol }).protocol).toBe('2026')
    expect(make({}, { protocol: '2026' }, { protocol: 2025 }).protocol).toBe('2026')
    expect(make({}, { protocol: 'auto' }, { protocol: 2025 }).protocol).toBe('auto')
  })

  test('of HTTP+SSE is 2025, and 2026 beside it an error, whoever says either', async () => {
    expect(make({}, { transport: 'sse' }).protocol).toBe('2025')
    expect(make({}, {}, { transport: 'sse', protocol: 'auto' }).protocol).toBe('2025')
    expect(make({}, { transport: 'http' }, { transport: 'sse', protocol: 2025 }).protocol).toBe('2025')
    expect(make({}, { transport: 'auto' }, { transport: 'sse' }).protocol).toBe('auto')
    const wrong: readonly [Partial<Flags>, Partial<Entry>][] = [
      [{ transport: 'sse', protocol: '2026' }, {}],
      [{ transport: 'sse' }, { protocol: 2026 }],
      [{ protocol: '2026' }, { transport: 'sse' }],
    ]
    for (const [flags, entry] of wrong) {
      const error = await errorOf(() => make({}, flags, entry))
      expect([error.code, error.message]).toEqual(['config_invalid', expect.stringContaining('HTTP+SSE')])
    }
  })

  test.each(['2027', '2026-07-28', 'Auto', ''])(
    '%j of the flag is an error that names what is possible',
    async (given) => {
      const error = await errorOf(() => make({}, { protocol: given }))
      expect([error.code, error.message]).toEqual(['usage', expect.stringContaining('auto, 2025, 2026')])
    },
  )
})
