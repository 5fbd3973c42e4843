// The servers of mcp-remote in all hosts: each once, under a free name, and only with what config.yaml takes.
import { expect, test } from 'vitest'
import { allHosts } from '../../../src/hosts/hosts.ts'
import { mcpRemoteServer } from '../../../src/hosts/mcpRemote.ts'
import { freshServers, knownConfig } from '../../../src/hosts/remoteServers.ts'

const URL = 'https://mcp.example.com/mcp'
const [desktop, code] = allHosts({ platform: 'linux', home: '/home/me', environment: {}, namesIn: () => [] } as never)

function found(name: string, args: readonly string[] = [], { host = desktop, url = URL } = {}) {
  const server = mcpRemoteServer(name, { command: 'npx', args: ['mcp-remote', url, ...args] })
  if (!server || !host) throw new Error('there is no such server')
  return { ...server, host }
}

const fresh = (servers: ReturnType<typeof found>[], text = '') =>
  freshServers(servers, knownConfig(text, 'config.yaml'))
const key = (value: string) => ['--header', `X-Api-Key:${value}`]

test('a server of several hosts, under whatever names, is one with all of its hosts', () => {
  const elsewhere = { host: code, url: 'https://MCP.example.com:443/mcp' }
  const [one, ...others] = fresh([found('lin', key('canary')), found('linear', key('canary'), elsewhere)])
  expect(others).toEqual([])
  expect(one?.hosts.map(({ name }) => name)).toEqual(['claude-desktop', 'claude-code'])
})

test.each([
  ['resource', ['--resource', 'https://one.example/'], ['--resource', 'https://two.example/']],
  ['secret', key('canary-1'), key('canary-2')],
  ['header', ['--header', 'X-Team:a'], ['--header', 'X-Team:b']],
  ['parameter', ['--authorize-param', 'audience=a'], ['--authorize-param', 'audience=b']],
])('two of one URL with another %s are two, with a profile for the second', (_, first, second) => {
  const servers = fresh([found('one', first), found('two', second)])
  expect(servers.map(({ name, server }) => [name, server.profile])).toEqual([
    ['one', undefined],
    ['two', 'two'],
  ])
})

test('the same names of different servers get numbers, and what is imported is not imported again', () => {
  const servers = [found('one'), found('one', [], { url: `${URL}/2` }), found('one', key('canary'))]
  expect(fresh(servers).map(({ name }) => name)).toEqual(['one', 'one-2', 'one-3'])
  const config = `servers:
  one: { url: ${URL} }
  one-2: { url: ${URL}/2 }
  one-3: { url: ${URL}, headers: { X-Api-Key: "\${ANY}" } }
`
  expect(fresh(servers, config)).toEqual([])
})

test('a URL that the person has in the config stays one server, unless something else sets it apart', () => {
  const config = `servers: { mine: { url: ${URL}, ca_file: /ca.pem } }`
  expect(fresh([found('other')], config)).toEqual([])
  expect(fresh([found('other', [], { url: 'https://MCP.example.com:443/mcp#x' })], config)).toEqual([])
  expect(fresh([found('other', ['--resource', 'https://two.example/'])], config)).toMatchObject([
    { name: 'other', server: { profile: 'other' } },
  ])
})

test('the server of mcp_server_url is one of the config, whatever else it has', () => {
  const config = `mcp_server_url: ${URL}\nproviders: { mine: { client_id: c } }`
  expect(fresh([found('other')], config)).toEqual([])
  expect(
    fresh([found('other', key('canary')), found('mcp_server_url', [], { url: `${URL}/2` })], config),
  ).toMatchObject([{ name: 'other', server: { profile: 'other' } }, { name: 'mcp_server_url-2' }])
})

test.each([
  ['mcp_server_url: https://a.example', 'mcp_server_url'],
  ['servers: { a: { url: https://a.example } }', 'a'],
  ['mcp_server_url: https://a.example\nservers: { a: { url: https://a.example } }', undefined],
  ['mcp_server_url:\nservers: { a: { url: https://a.example } }', 'a'],
  ['', undefined],
])('the only server of %j is %s', (text, only) => {
  expect(knownConfig(text, 'config.yaml').only).toBe(only)
})

test.each(['google', 'github', 'microsoft', 'taken'])(
  'a client of a server named %s gets a provider of its own',
  (name) => {
    const [server] = fresh(
      [found(name, ['--static-oauth-client-info', '{"client_id":"c"}'])],
      'providers: { taken: { client_id: mine } }',
    )
    expect(server).toMatchObject({ name, server: { provider: `${name}-2` }, provider: { client_id: 'c' } })
  },
)

test('a client with a secret comes with the word that its issuer is needed', () => {
  const info = '{"client_id":"c","client_secret":"canary"}'
  expect(fresh([found('one', ['--static-oauth-client-info', info])])[0]?.advice).toEqual([
    expect.stringContaining('set issuer of providers.one'),
  ])
})

test.each([
  ['--verbose', 'verbose'],
  ['http://x', 'http-x'],
  ['notes:mine', 'notes-mine'],
  ['My Server', 'My Server'],
])('a name that no command could take as a server (%s) is changed', (name, expected) => {
  expect(fresh([found(name)])[0]?.name).toBe(expected)
  expect(fresh([found(name)], `servers: { ${JSON.stringify(expected)}: { url: ${URL} } }`)).toEqual([])
})

test('headers that are all refused leave nothing behind', () => {
  expect(fresh([found('one', ['--header', 'X-Name:Zo\u00eb'])])[0]?.server).toEqual({ url: URL })
})

test('what config.yaml refuses is left out and told, and the rest is imported', () => {
  const [server] = fresh([
    found('one', [
      ...['--header', 'X-Name:Zo\u00eb', '--header', 'X-Team:core'],
      ...['--token-endpoint', 'nowhere', '--client-metadata-url', 'https://x.example', '--client-credentials'],
    ]),
  ])
  expect(server?.server).toEqual({ url: URL, headers: { 'X-Team': 'core' }, provider: 'one' })
  expect(server?.provider).toEqual({ client_credentials: true })
  expect(server?.advice).toEqual([
    'not imported: headers.X-Name must be printable ASCII on one line',
    'not imported: client_metadata_url must be an https URL with a path',
    'not imported: token_endpoint must be an http(s) URL',
  ])
})
