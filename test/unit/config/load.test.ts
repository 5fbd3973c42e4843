// Flags > environment > config.yaml > defaults.
import { mkdirSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { Flags } from '../../../src/config/config.ts'
import { loadConfig, projectConfigFile } from '../../../src/config/load.ts'
import { tempFolder } from '../../fakes/tempFolder.ts'
import { errorOf } from '../../fakes/thrown.ts'

const folder = tempFolder()
const NO_FLAGS: Flags = { headers: [], authorizeParameters: [], allowHttp: false, openBrowser: true }
const URL_1 = 'https://mcp.example/mcp'

interface Given {
  readonly yaml?: string
  readonly flags?: Partial<Flags>
  readonly environment?: NodeJS.ProcessEnv
  readonly server?: string
  readonly alternatives?: readonly string[]
}

function load({ yaml, flags, environment, server, alternatives = [] }: Given = {}) {
  const here = folder.fresh('project')
  const home = folder.fresh('home')
  mkdirSync(here)
  mkdirSync(home)
  if (yaml !== undefined) writeFileSync(join(home, 'config.yaml'), yaml)
  const loading = loadConfig({
    flags: { ...NO_FLAGS, ...flags },
    environment: { MCP_OAUTH_BRIDGE_HOME: home, ...environment },
    folder: here,
    server,
    version: () => '1.0.0',
    alternatives,
  })
  return Object.assign(loading, { here, home })
}

describe('without any setting', () => {
  test('a URL is enough', async () => {
    const loading = load({ server: URL_1 })
    const { home } = loading
    expect(await loading).toEqual({
      server: {
        ...{
          url: URL_1,
          headers: {},
          allowHttp: false,
          transport: 'auto',
          protocol: 'auto',
          refreshStrategy: 'auto',
          authorizeParameters: {},
        },
        exceptions: { server: URL_1 },
        ...{ bearer: 'access_token', grant: 'authorization_code', transport: 'auto' },
      },
      exceptions: [],
      serverNames: [],
      configured: [],
      profile: 'default',
      callbackUrls: ['http://localhost:8080/auth/callback'],
      sessionTimeoutMs: 300_000,
      database: join(home, 'oauth.db'),
      dataFolder: home,
      secretStore: 'auto',
      connectTimeoutMs: 10_000,
      requestTimeoutMs: 60_000,
      hostLimit: 64 * 1024 * 1024,
      serverLimit: 256 * 1024 * 1024,
      logLevel: 'info',
      logFile: join(home, 'logs', 'proxy.log'),
      forwardHeaders: ['Authorization', 'X-User-*'],
      blockedHeaders: [],
      hideTools: [],
      holdCallMs: 45_000,
      holdInitializeMs: 600,
      userHeaders: { 'X-User-Id': 'sub', 'X-User-Email': 'email', 'X-User-Name': 'name' },
      loginMode: 'auto',
      openBrowser: true,
    })
  })

  test('no server is undefined', async () => {
    expect(await load()).not.toHaveProperty('server')
  })
})

describe('precedence', () => {
  test('a flag overrides the file, the file overrides the default', async () => {
    const yaml = `
mcp_server_url: ${URL_1}
callback_url: http://localhost:9000/cb
log_level: warn
login: { mode: on-call }
`
    const file = await load({ yaml })
    expect([file.callbackUrls, file.logLevel, file.loginMode]).toEqual([
      ['http://localhost:9000/cb'],
      'warn',
      'on-call',
    ])
    const flags = { callbackUrl: 'http://localhost:9001/cb', logLevel: 'debug', login: 'never', profile: 'work' }
    const flagged = await load({ yaml, flags })
    expect([flagged.callbackUrls, flagged.logLevel, flagged.loginMode, flagged.profile]).toEqual([
      ['http://localhost:9001/cb'],
      'debug',
      'never',
      'work',
    ])
  })

  test('the profile of a server overrides the default, and a flag overrides both', async () => {
    const yaml = `servers: { a: { url: '${URL_1}', profile: file } }`
    expect((await load({ yaml })).profile).toBe('file')
    expect((await load({ yaml, flags: { profile: 'flag' } })).profile).toBe('flag')
  })

  test('BROWSER overrides the file', async () => {
    const yaml = 'browser: firefox'
    expect((await load({ yaml })).browser).toBe('firefox')
    expect((await load({ yaml, environment: { BROWSER: 'chromium' } })).browser).toBe('chromium')
    expect((await load({ yaml, environment: { BROWSER: '' } })).browser).toBe('firefox')
  })

  test('a key in the environment sets the secret store', async () => {
    expect((await load({ environment: { MCP_OAUTH_BRIDGE_KEY: 'x' } })).secretStore).toBe('env')
    expect((await load({ yaml: 'secret_store: file' })).secretStore).toBe('file')
  })

  test('the file’s secret_store overrides a key in the environment', async () => {
    const environment = { MCP_OAUTH_BRIDGE_KEY: 'x' }
    expect((await load({ yaml: 'secret_store: file', environment })).secretStore).toBe('file')
    expect((await load({ yaml: 'secret_store: keychain', environment })).secretStore).toBe('keychain')
  })

  test('--config overrides CONFIG_PATH, which overrides the file in the config folder', async () => {
    const write = (level: string) => {
      const path = folder.fresh('other.yaml')
      writeFileSync(path, `log_level: ${level}`)
      return path
    }
    const [flag, variable] = [write('error'), write('warn')]
    const yaml = 'log_level: debug'
    const environment = { CONFIG_PATH: variable }
    expect((await load({ yaml, environment, flags: { config: flag } })).logLevel).toBe('error')
    expect((await load({ yaml, environment })).logLevel).toBe('warn')
    expect((await load({ yaml })).logLevel).toBe('debug')
  })

  test('the file of the working folder is not read, whether the config folder has one or not', async () => {
    const loading = load()
    writeFileSync(join(loading.here, 'config.yaml'), 'log_level: debug')
    const options = { flags: NO_FLAGS, folder: loading.here, server: URL_1, version: () => '1', alternatives: [] }
    const environment = { MCP_OAUTH_BRIDGE_HOME: loading.home }
    expect((await loadConfig({ ...options, environment })).logLevel).toBe('info')
    writeFileSync(join(loading.home, 'config.yaml'), 'log_level: error')
    expect((await loadConfig({ ...options, environment })).logLevel).toBe('error')
    // A command that is about a file of a project says so.
    expect((await loadConfig({ ...options, environment, find: projectConfigFile })).logLevel).toBe('debug')
    for (const named of [{ CONFIG_PATH: 'config.yaml' }, { CONFIG_PATH: './config.yaml' }])
      expect((await loadConfig({ ...options, environment: { ...environment, ...named } })).logLevel).toBe('debug')
  })

  test('an empty CONFIG_PATH counts as unset', async () => {
    expect((await load({ yaml: 'log_level: error', environment: { CONFIG_PATH: '' } })).logLevel).toBe('error')
  })

  test('somebody who relies on the file of the working folder learns how to name it', async () => {
    const { here, home } = load()
    writeFileSync(join(here, 'config.yaml'), `servers: { work: { url: '${URL_1}' } }`)
    const options = { flags: NO_FLAGS, folder: here, server: 'work', version: () => '1', alternatives: [] }
    const { hint } = await errorOf(loadConfig({ ...options, environment: { MCP_OAUTH_BRIDGE_HOME: home } }))
    expect(hint).toContain('--config ./config.yaml')
  })

  test.each([{ flags: { config: 'missing.yaml' } }, { environment: { CONFIG_PATH: 'missing.yaml' } }])(
    'a file that was named and is missing is an error: %j',
    async (given) => {
      expect((await errorOf(load(given))).code).toBe('config_not_found')
    },
  )
})

describe('paths', () => {
  test('of database and log are in our folders, unless they are absolute', async () => {
    const loading = load({ yaml: 'database_url: sqlite:sub/my.db\nlog_file: my.log' })
    const config = await loading
    expect([config.database, config.logFile]).toEqual([join(loading.home, 'sub/my.db'), join(loading.home, 'my.log')])
    const absolute = join(folder.path, 'x')
    for (const url of [`sqlite:${absolute}`, `sqlite://${absolute}`])
      expect(await load({ yaml: `database_url: ${url}\nlog_file: ${absolute}` })).toMatchObject({
        database: absolute,
        logFile: absolute,
      })
  })

  test('of secret and header files are relative to the config file', async () => {
    const yaml = `
servers: { a: { url: '${URL_1}', headers_file: sub/headers.txt } }
providers: { p: { client_id: id, client_secret_file: ./secret.txt } }
`
    const project = folder.fresh('elsewhere')
    mkdirSync(join(project, 'sub'), { recursive: true })
    writeFileSync(join(project, 'config.yaml'), yaml)
    writeFileSync(join(project, 'sub/headers.txt'), 'X-Team: core\n# no header\n\nX-Key: k\n')
    writeFileSync(join(project, 'secret.txt'), 's-1\n')
    const { server } = await load({ flags: { config: join(project, 'config.yaml'), headers: ['X-Team: mine'] } })
    expect(server).toMatchObject({ headers: { 'x-team': 'mine', 'x-key': 'k' }, clientSecret: 's-1' })
  })

  test('do not begin with the home folder in a test', async () => {
    expect((await load()).dataFolder.startsWith(join(homedir(), '.local'))).toBe(false)
  })
})

test.each(['protocol: 2026', 'protocol: "2026"', 'protocol: 2026.0'])(
  '%s in a config is the same, also when it was read before',
  async (line) => {
    const first = load({ yaml: `servers: { a: { url: '${URL_1}', ${line} } }` })
    expect((await first).server?.protocol).toBe('2026')
    const again = load({ environment: { MCP_OAUTH_BRIDGE_HOME: first.home } })
    expect((await again).server?.protocol).toBe('2026')
  },
)

test('a config that was read before gives the same result again', async () => {
  const first = load({
    yaml: `servers: { a: { url: '${URL_1}', headers: { X-Key: "\${K}" } } }`,
    environment: { K: 'v' },
  })
  const config = await first
  const again = await load({
    environment: { MCP_OAUTH_BRIDGE_HOME: first.home, CONFIG_PATH: join(first.home, 'config.yaml'), K: 'w' },
  })
  expect(again).toEqual({ ...config, server: { ...config.server, headers: { 'x-key': 'w' } } })
})

describe('the server', () => {
  const two = `servers: { alpha: { url: 'https://a.example/mcp' }, beta: { url: 'https://b.example/mcp', profile: b } }`

  test('is the only one of the file', async () => {
    expect((await load({ yaml: `mcp_server_url: ${URL_1}` })).server?.url).toBe(URL_1)
    expect((await load({ yaml: `servers: { a: { url: '${URL_1}' } }` })).server).toMatchObject({
      url: URL_1,
      name: 'a',
    })
  })

  test('is undefined if the file has several and none is named', async () => {
    expect((await load({ yaml: two })).server).toBeUndefined()
  })

  test('is the one that is named', async () => {
    expect(await load({ yaml: two, server: 'beta' })).toMatchObject({
      profile: 'b',
      server: { url: 'https://b.example/mcp', name: 'beta' },
    })
  })

  test('is the one of the file with the same URL', async () => {
    expect(await load({ yaml: two, server: 'HTTPS://B.example:443/mcp' })).toMatchObject({
      profile: 'b',
      server: { name: 'beta' },
    })
  })

  test('with a URL that two entries have is an error that names both, unless the profile distinguishes them', async () => {
    const yaml =
      "servers: { work: { url: 'https://a.example/mcp', profile: w }, home: { url: 'https://a.example/mcp' } }"
    const error = await errorOf(load({ yaml, server: 'https://a.example/mcp' }))
    expect(error.code).toBe('usage')
    expect(error.message).toContain('work, home')
    const flags = { profile: 'w' }
    expect(await load({ yaml, server: 'https://a.example/mcp', flags })).toMatchObject({ server: { name: 'work' } })
  })

  test('that is unknown is an error with the closest name', async () => {
    const error = await errorOf(load({ yaml: two, server: 'bta' }))
    expect(error.code).toBe('usage')
    expect(error.message).toContain('did you mean "beta"?')
    expect(error.hint).toContain('alpha, beta')
  })

  test('that may be a misspelt command is an error with that command', async () => {
    expect((await errorOf(load({ server: 'logn', alternatives: ['login', 'logout'] }))).message).toContain('"login"')
  })

  test.each(['constructor', '__proto__', 'toString'])(
    'named %s, which only exists on every object, is unknown',
    async (server) => {
      expect((await errorOf(load({ yaml: two, server }))).code).toBe('usage')
    },
  )

  test('loses the fragment of its URL', async () => {
    expect((await load({ server: `${URL_1}?a=1#b` })).server?.url).toBe(`${URL_1}?a=1`)
  })

  test.each(['http://mcp.example/mcp', 'https://user:pass@mcp.example/', 'ftp://mcp.example/', 'file:///etc/passwd'])(
    'at %s is refused, and no password is repeated',
    async (server) => {
      const error = await errorOf(load({ server }))
      expect(error.code).toBe('insecure_url')
      expect(`${error.message}${error.hint}`).not.toContain('pass@')
    },
  )

  test.each(['http://localhost:3000/mcp', 'http://127.0.0.1/mcp', 'http://127.9.9.9/mcp', 'http://[::1]:3000/mcp'])(
    'at %s is on this machine, and allowed',
    async (server) => {
      expect((await load({ server })).server?.url).toBe(server)
    },
  )

  test.each([
    'http://localhost.evil.example/',
    'http://127.0.0.1.evil.example/',
    'http://0.0.0.0/',
    'http://[::]/',
    'http://localhost@evil.example/',
  ])('at %s only looks as if it were on this machine', async (server) => {
    expect((await errorOf(load({ server }))).code).toBe('insecure_url')
  })

  test('without TLS is allowed if the person says so', async () => {
    expect((await load({ server: 'http://mcp.internal/mcp', flags: { allowHttp: true } })).server?.allowHttp).toBe(true)
  })
})

describe('a value that is not in its list', () => {
  test.each([
    ['--log-level', { logLevel: 'debgu' }, '"debug"'],
    ['--login', { login: 'oncall' }, '"on-call"'],
  ])('of %s is an error with the closest one', async (flag, flags, nearest) => {
    const error = await errorOf(load({ flags }))
    expect(error.code).toBe('usage')
    expect(error.message).toContain(flag)
    expect(error.message).toContain(nearest)
  })

  test.each(['localhost:8080/cb', 'http://localhost:8080', '/cb', ''])(
    'of the callback URL (%j) is an error',
    async (callbackUrl) => {
      expect((await errorOf(load({ flags: { callbackUrl } }))).code).toBe('usage')
    },
  )
})

describe(`\${NAME}`, () => {
  const environment = { MY_KEY: 'k-1', LOGIN: 'never' }

  test('in a flag comes from the environment', async () => {
    const flags = {
      headers: [`X-Key: \${MY_KEY}`, `X-Other: a\${MY_KEY}b`],
      login: `\${LOGIN}`,
      clientId: `\${MY_KEY}`,
    }
    const config = await load({ server: URL_1, environment, flags })
    expect(config.server?.headers).toEqual({ 'x-key': 'k-1', 'x-other': 'ak-1b' })
    expect([config.loginMode, config.server?.clientId]).toEqual(['never', 'k-1'])
  })

  test('that is not set is an error, not an empty secret', async () => {
    const error = await errorOf(load({ server: URL_1, flags: { headers: [`X-Key: \${MISSING}`] } }))
    expect(error.code).toBe('config_invalid')
    expect(error.message).toContain('MISSING')
  })

  describe('that is not set in the entry of another server or provider', () => {
    const yaml = `
servers:
  work: { url: ${URL_1}, provider: p, hide_tools: [delete*], callback_url: http://localhost:9696/oauth/callback }
  other: { url: https://other.example/mcp, headers: { X-Key: "\${OTHER}" }, provider: q }
  hidden: { url: "\${ITS_URL}" }
providers:
  p: { client_id: id-p }
  q: { client_id: id-q, client_secret: "\${Q_SECRET}" }
response_transform: { hide_tools: [admin] }
`
    test('is no error: the settings are those of the file', async () => {
      const config = await load({ yaml, server: 'work' })
      expect(config.server?.clientId).toBe('id-p')
      expect(config.hideTools).toEqual(['admin', 'delete*'])
      expect(config.callbackUrls).toEqual(['http://localhost:9696/oauth/callback'])
      expect(config.serverNames).toEqual(['work', 'other', 'hidden'])
      expect(config.configured.map(({ server }) => server)).toEqual([URL_1, 'https://other.example/mcp'])
    })

    test.each([
      ['other', { Q_SECRET: 's' }, 'servers.other in the config file: the environment variable OTHER is not set.'],
      ['https://other.example/mcp', {}, 'servers.other in the config file: the environment variable OTHER is not set.'],
      ['other', { OTHER: 'o' }, 'providers.q in the config file: the environment variable Q_SECRET is not set.'],
      ['hidden', {}, 'servers.hidden in the config file: the environment variable ITS_URL is not set.'],
    ])('is an error for %s, which needs it (%j)', async (server, environment, message) => {
      const error = await errorOf(load({ yaml, server, environment }))
      expect([error.code, error.message]).toEqual(['config_invalid', message])
    })

    test('makes neither another server nor another provider the only one', async () => {
      const two = `servers: { a: { url: ${URL_1} }, b: { url: "\${ITS_URL}" } }\nproviders: { p: { client_id: x }, q: { client_id: "\${ID}" } }\n`
      expect((await load({ yaml: two })).server).toBeUndefined()
      expect((await load({ yaml: two, server: 'a' })).server?.clientId).toBeUndefined()
    })

    test('hides no other fault of the entry', async () => {
      const error = await errorOf(
        load({ yaml: `servers: { a: { url: ${URL_1}, headers: { X: "\${N}" }, no: 1 } }\n`, server: URL_1 }),
      )
      expect(error.message).toContain('unknown key "servers.a.no"')
    })
  })

  test('cannot inject a second header', async () => {
    const flags = { headers: [`X-Key: \${EVIL}`] }
    expect((await errorOf(load({ server: URL_1, environment: { EVIL: 'a\r\nX-Evil: 1' }, flags }))).code).toBe('usage')
  })
})
