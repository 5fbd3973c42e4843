// Servers that are added to a config file change nothing for those that it has, read as a start reads it.
import { describe, expect, test } from 'vitest'
import { addServers } from '../../../src/config/addServers.ts'
import { parseConfigFile } from '../../../src/config/file/read.ts'
import { selectServer } from '../../../src/config/selectServer.ts'
import { errorOf } from '../../fakes/thrown.ts'

const URL = 'https://mcp.example.com'
const flags = { headers: [], authorizeParameters: [], allowHttp: false, openBrowser: true }

/** The settings of a server, in a file with that text; undefined: the only one. */
const settings = (text: string, server: string | undefined) =>
  selectServer(parseConfigFile(text, 'config.yaml', {}).file, flags, server, { alternatives: [], folder: '/' })?.config

const A = { url: `${URL}/a` }
const CLIENT = { client_id: 'its-own', resource: `${URL}/r` }
const own = (name: string) => ({ servers: { [name]: { ...A, provider: name } }, providers: { [name]: CLIENT } })
const PLAIN = { servers: { plain: A }, providers: {} }
const BOTH = { servers: { ...own('one').servers, ...PLAIN.servers }, providers: own('one').providers }
const TWO = { servers: { ...own('one').servers, ...own('two').servers }, providers: { one: CLIENT, two: CLIENT } }

const OLD = `servers:\n  old: { url: ${URL}/old } # keep\n`
const MINE = 'providers:\n  mine: { client_id: my-own-client, scopes: [x] }\n'
const FILES = {
  'no file': '',
  'a server without a provider': OLD,
  'a server that uses the only provider': OLD + MINE,
  'the only provider, without settings': `${OLD}providers:\n  mine: {}\n`,
  'servers of two providers': `${OLD}  other: { url: ${URL}/other, provider: two }\n${MINE}  two: { client_id: c }\n`,
  'only mcp_server_url': `mcp_server_url: ${URL}/old\n`,
}
const ADDED = { 'with a client': own('one'), plain: PLAIN, 'with a client and plain': BOTH, 'with two clients': TWO }

describe.each(Object.entries(FILES))('to %s', (_, before) => {
  test.each(Object.entries(ADDED))(
    'servers %s are added: each has its own client or none, and the others as before',
    (_, added) => {
      const after = addServers(before, added)
      const old = before.includes('mcp_server_url') ? `${URL}/old` : 'old'
      // Its name for the same settings may be another.
      if (before !== '')
        expect({ ...settings(after, old), provider: 0 }).toEqual({ ...settings(before, old), provider: 0 })
      for (const [name, entry] of Object.entries(added.servers))
        expect(settings(after, name)?.clientId).toBe('provider' in entry ? 'its-own' : undefined)
      if (before.includes('# keep')) expect(after).toContain('# keep')
    },
  )
})

test('a provider without settings that is named like a preset is not the one without: the server would sign in there', () => {
  const before = 'providers:\n  google: {}\n'
  expect(settings(before, undefined)).toBeUndefined()
  const after = addServers(before, PLAIN)
  expect(settings(after, 'plain')?.provider).not.toBe('google')
  expect(parseConfigFile(after, 'config.yaml', {}).file.providers).toEqual({ google: {}, default: {} })
})

test('a server of mcp_server_url that uses the only provider cannot be told so: nothing is added', async () => {
  const before = `mcp_server_url: ${URL}/old\n${MINE}`
  for (const added of [PLAIN, own('one')]) {
    const error = await errorOf(() => addServers(before, added))
    expect([error.code, error.message]).toEqual(['config_invalid', expect.stringContaining('providers.mine')])
    expect(error.hint).toContain('provider: mine')
  }
})

test('a gateway’s file gets servers, but no further way to sign in', async () => {
  const before = `${OLD}${MINE}serve: { access: everyone }\n`
  expect((await errorOf(() => addServers(before, own('one')))).message).toContain('(one) would be ways to sign in')
  const { file } = parseConfigFile(addServers(before, PLAIN), 'config.yaml', {})
  expect([file.servers?.plain, Object.keys(file.providers ?? {})]).toEqual([A, ['mine']])
})

test.each([
  ['a list of servers', 'servers: [a]\n', 'servers'],
  ['servers that are a text', 'servers: a\n', 'servers'],
  ['a list of providers', 'providers: [a]\n', 'providers'],
  ['servers that stand elsewhere', `x: &x\n  old: { url: ${URL}/old }\nservers: *x\n`, 'servers'],
  ['an entry that stands elsewhere', `x: &x { url: ${URL}/old }\nservers:\n  old: *x\n${MINE}`, 'servers.old'],
])('%s is refused instead of replaced', async (_, before, what) => {
  const error = await errorOf(() => addServers(before, own('one')))
  expect([error.code, error.message]).toEqual(['config_invalid', `${what} in the config file is not a map of its own.`])
})
