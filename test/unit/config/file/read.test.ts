// config.yaml: values, and faults that name line, column and what was meant.
import { writeFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { readOwnFile } from '../../../../src/config/file/ownFile.ts'
import { parseConfigFile } from '../../../../src/config/file/read.ts'
import { tempFolder } from '../../../fakes/tempFolder.ts'
import { errorOf } from '../../../fakes/thrown.ts'

const folder = tempFolder()

const readConfigFile = (path: string, environment: NodeJS.ProcessEnv) =>
  parseConfigFile(readOwnFile(path).text, path, environment).file

function read(yaml: string, environment: NodeJS.ProcessEnv = {}) {
  const path = folder.fresh('config.yaml')
  writeFileSync(path, yaml)
  return { path, config: () => readConfigFile(path, environment) }
}

/** The message, with the path left out. */
async function fault(yaml: string, environment: NodeJS.ProcessEnv = {}) {
  const { path, config } = read(yaml, environment)
  const error = await errorOf(config)
  expect(error.code).toBe('config_invalid')
  return error.message.replaceAll(path, 'FILE')
}

describe('a config file', () => {
  test.each(['', '\n', '# only a comment\n', '{}', '---\n'])('that is empty (%j) is valid', (yaml) => {
    expect(read(yaml).config()).toEqual({})
  })

  test('returns its values unchanged', () => {
    const yaml = `
servers:
  work: { url: 'https://mcp.example/mcp', provider: google, profile: work, headers: { X-Team: core } }
session_timeout: 600
header_forwarding:
  forward_headers: [Authorization, X-User-*]
callback_url: [http://localhost:8080/cb, http://localhost:8081/cb]
providers:
  google: { client_id: id, scopes: [openid, email], pkce_enabled: true, code_challenge_method: S256 }
`
    expect(read(yaml).config()).toEqual({
      servers: {
        work: { url: 'https://mcp.example/mcp', provider: 'google', profile: 'work', headers: { 'X-Team': 'core' } },
      },
      session_timeout: 600,
      header_forwarding: { forward_headers: ['Authorization', 'X-User-*'] },
      callback_url: ['http://localhost:8080/cb', 'http://localhost:8081/cb'],
      providers: {
        google: { client_id: 'id', scopes: ['openid', 'email'], pkce_enabled: true, code_challenge_method: 'S256' },
      },
    })
  })

  test.each([
    'providers:\n  google:\n    pkce_enabled: true\n    code_challenge_method: S256  # SHA-256 hashing\n',
    'connect_timeout: 10000  # 10 seconds\nrequest_timeout: 60000  # 60 seconds\n',
    'header_forwarding:\n  forward_headers:\n    - Authorization\n    - X-User-*        # Wildcard\n    - X-Custom-Header\n',
    'header_forwarding:\n  blocked_headers:\n    - X-Custom-Header\n',
    'cors:\n  enabled: true\n  origins:\n    - http://localhost:3000\n    - https://app.example.com\n  allow_credentials: true\n  allowed_headers:\n    - Authorization\n    - Content-Type\n',
    'mcp_server_url: http://localhost:3000\ncallback_url: http://localhost:8080/auth/callback\nlog_level: debug\nrefresh_strategy: none\n',
  ])('as people write it for similar proxies is valid: %j', (yaml) => {
    expect(() => read(yaml).config()).not.toThrow()
  })

  test('that cannot be read is config_not_found and named', async () => {
    const path = folder.fresh('missing.yaml')
    const error = await errorOf(() => readConfigFile(path, {}))
    expect([error.code, error.message.includes(path)]).toEqual(['config_not_found', true])
  })
})

describe('a fault', () => {
  test.each([
    ['log_levle: debug', 'FILE:1:1: unknown key "log_levle"; did you mean "log_level"?'],
    [
      'log_level: info\n\nsession_time_out: 3\n',
      'FILE:3:1: unknown key "session_time_out"; did you mean "session_timeout"?',
    ],
    [
      'servers:\n  a:\n    url: https://x.example/\n    provder: p\n',
      'FILE:4:5: unknown key "servers.a.provder"; did you mean "provider"?',
    ],
    [
      'servers: { a: { url: https://x.example/, hedaers: {} } }',
      'FILE:1:42: unknown key "servers.a.hedaers"; did you mean "headers"?',
    ],
    [
      'header_forwarding:\n  blocked_header: []\n',
      'FILE:2:3: unknown key "header_forwarding.blocked_header"; did you mean "blocked_headers"?',
    ],
    ['xyzzy: 1', 'FILE:1:1: unknown key "xyzzy"'],
  ])('of an unknown key in %j gives the place and the closest key', async (yaml, message) => {
    expect(await fault(yaml)).toBe(message)
  })

  test.each([
    ['session_timeout: soon', 'FILE:1:18: session_timeout must be a number'],
    ['servers: { a: https://x.example/ }', 'FILE:1:15: servers.a must be a map (key: value)'],
    ['login: { mode: sometimes }', 'FILE:1:16: login.mode must be "auto" or "on-call" or "never"'],
    ['callback_url: [5]', 'FILE:1:15: callback_url has a value of the wrong type'],
    [
      "servers: { a: { url: 'https://x.example/', protocol: 2027 } }",
      'FILE:1:54: servers.a.protocol must be auto, 2025 or 2026',
    ],
    [
      "servers: { a: { url: 'https://x.example/', protocol: 2026-07-28 } }",
      'FILE:1:54: servers.a.protocol must be auto, 2025 or 2026',
    ],
    [
      "servers: { a: { url: 'https://x.example/', protocol: [2025] } }",
      'FILE:1:54: servers.a.protocol must be auto, 2025 or 2026',
    ],
    [
      "servers: { a: { url: 'https://x.example/', transport: sse, protocol: 2026 } }",
      'FILE:1:70: servers.a.protocol must not be 2026 beside transport: sse',
    ],
    ['connect_timeout: 1.5', 'FILE:1:18: connect_timeout must be '],
    ['limits: { host_message_mb: 501 }', 'FILE:1:28: limits.host_message_mb must be at most 500'],
    ['a: 1\nb', 'FILE:2:'],
    ['session_timeout: 0', 'FILE:1:18: session_timeout '],
    ['connect_timeout: -1', 'FILE:1:18: connect_timeout must be at least 0'],
    ['log_level: loud', 'FILE:1:12: log_level '],
    ['mcp_server_url: mcp.example', 'FILE:1:17: mcp_server_url must be an http(s) URL'],
    [
      'callback_url: http://localhost:8080',
      'FILE:1:15: callback_url must be written in full, as http://localhost:8080/',
    ],
    [
      'callback_url: http://localhost:80/auth/callback',
      'FILE:1:15: callback_url must be written in full, as http://localhost/auth/callback',
    ],
    [
      'callback_url: http://u:canary@LOCALHOST/cb',
      'FILE:1:15: callback_url must be written in full: scheme, host, port, path',
    ],
    ['database_url: oauth.db', 'FILE:1:15: database_url must be sqlite:FILE'],
    ['servers: { a: { } }', 'FILE:1:15: servers.a.url is missing'],
    ['database_url: "sqlite:"', 'FILE:1:15: database_url must be sqlite:FILE'],
    [
      'database_url: postgresql://u:p@h:5432',
      'FILE:1:15: database_url must be postgresql://USER:PASSWORD@HOST:PORT/DATABASE',
    ],
    ['cors: { enabled: 1 }', 'FILE:1:18: cors.enabled '],
    ['servers: { a: { url: ftp://x/ } }', 'FILE:1:22: servers.a.url '],
    ['user_headers: { "X User": sub }', 'FILE:1:'],
    ['- a\n- b', 'FILE:1:1: the file must be a map (key: value)'],
  ])('of a value in %j gives its place', async (yaml, start) => {
    expect((await fault(yaml)).startsWith(start)).toBe(true)
  })

  test.each([
    ['providers: { g: { pkce_enabled: false } }', 'cannot be switched off'],
    ['providers: { g: { code_challenge_method: plain } }', 'must be S256'],
  ])('of a weak PKCE in %j gives the reason', async (yaml, reason) => {
    expect(await fault(yaml)).toContain(reason)
  })

  test('of broken YAML gives its place', async () => {
    expect(await fault('log_level: "open\nx: [1, 2\n')).toMatch(/^FILE:\d+:\d+: /)
    expect(await fault('servers:\n\twork: {}\n')).toBe('FILE:2:1: Tabs are not allowed as indentation')
  })

  test('of a key given twice gives its place', async () => {
    expect(await fault('log_level: info\nlog_level: warn\n')).toMatch(/^FILE:2:1: /)
  })

  test('is reported with all others', async () => {
    expect((await fault('log_levle: a\nsession_timeout: x\n')).split('\n')).toHaveLength(2)
  })

  test.each(['a\\r\\nX-Evil: 1', 'a\\nb', 'ü', '\\0'])(
    'of a header value with an invalid character (%s) is refused',
    async (value) => {
      expect(await fault(`servers: { a: { url: https://x.example/, headers: { X-A: "${value}" } } }`)).toContain('X-A')
    },
  )

  test('never repeats a secret', async () => {
    const yaml = 'providers: { g: { client_id: [needle-1], client_secret: { a: "needle-2" } } }'
    expect(await fault(yaml)).not.toContain('needle')
  })
})

describe(`\${NAME}`, () => {
  test('is filled in from the environment, anywhere in a value', () => {
    const yaml = `providers: { g: { client_id: "\${ID}", client_secret: "a-\${SECRET}-b" } }`
    expect(read(yaml, { ID: 'id-1', SECRET: 's-1' }).config().providers?.g).toEqual({
      client_id: 'id-1',
      client_secret: 'a-s-1-b',
    })
  })

  test('that is not set is a fault with its place', async () => {
    expect(await fault(`providers:\n  g:\n    client_secret: \${MISSING}\n`)).toBe(
      'FILE:3:20: the environment variable MISSING is not set',
    )
  })

  test('is filled in once: a value that looks like one is not changed', () => {
    expect(read(`browser: \${A}`, { A: `\${B}`, B: 'no' }).config().browser).toBe(`\${B}`)
  })

  test('with a value that looks like YAML stays a text', () => {
    expect(read(`browser: \${A}`, { A: '{ x: 1 }\n- y' }).config().browser).toBe('{ x: 1 }\n- y')
  })

  test('set but empty is empty, which a key that needs a value refuses', async () => {
    expect(await fault(`browser: \${A}`, { A: '' })).toContain('browser')
  })

  test('with a line break cannot inject a header', async () => {
    const yaml = `servers: { a: { url: https://x.example/, headers: { X-A: "\${A}" } } }`
    expect(await fault(yaml, { A: 'a\r\nX-Evil: 1' })).toContain('X-A')
  })
})
