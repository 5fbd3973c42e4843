// Which server a word stands for: the name of an entry, mcp_server_url, a URL, or something that lacks its scheme.
import { describe, expect, test } from 'vitest'
import type { Flags } from '../../../src/config/config.ts'
import { configFrom } from '../../../src/config/load.ts'
import { selectServer } from '../../../src/config/selectServer.ts'
import { tempFolder } from '../../fakes/tempFolder.ts'
import { errorOf } from '../../fakes/thrown.ts'

const folder = tempFolder()
const FLAGS: Flags = { headers: [], authorizeParameters: [], allowHttp: false, openBrowser: true }
const WORK = 'https://work.example/mcp'
const PLAIN = 'https://plain.example/mcp'

type File = Parameters<typeof selectServer>[0]
const select = (file: File, wanted?: string) =>
  selectServer(file, FLAGS, wanted, { alternatives: ['login'], folder: folder.path })
const settings = (file: File, callback?: 'gateway' | 'file') =>
  configFrom(file, {
    flags: FLAGS,
    environment: { MCP_OAUTH_BRIDGE_HOME: folder.path },
    folder: folder.path,
    server: undefined,
    version: () => '1.0.0',
    alternatives: [],
    ...(callback === undefined ? {} : { callback }),
  })

describe('a name with a colon', () => {
  const file = { servers: { 'work:main': { url: WORK }, other: { url: PLAIN } } }

  test('is a name if the file has it, and not a URL with the scheme work:', () => {
    expect(select(file, 'work:main')?.config).toMatchObject({ name: 'work:main', url: WORK })
  })

  test('that is misspelt is unknown', async () => {
    const error = await errorOf(() => select(file, 'work:mian'))
    expect(error.message).toContain('did you mean "work:main"?')
    expect(error.hint).toBe('Known servers: work:main, other.')
  })
})

describe('a word without a scheme', () => {
  test.each([
    ['localhost:3000/mcp', 'http://localhost:3000/mcp'],
    ['localhost:3000', 'http://localhost:3000'],
    ['localhost/mcp', 'http://localhost/mcp'],
    ['127.0.0.1:3000/mcp', 'http://127.0.0.1:3000/mcp'],
    ['mcp.example.com:8443/mcp', 'https://mcp.example.com:8443/mcp'],
    ['mcp.example.com/mcp', 'https://mcp.example.com/mcp'],
  ])('%s is told to begin with one: %s', async (word, url) => {
    for (const file of [{}, { servers: { work: { url: WORK } } }]) {
      const error = await errorOf(() => select(file, word))
      expect([error.code, error.hint]).toEqual([
        'usage',
        expect.stringMatching(new RegExp(`A URL begins with a scheme: ${url}$`)),
      ])
    }
  })

  test.each(['ftp://mcp.example.com', 'http://mcp.example.com', 'HTTP:mcp.example.com'])(
    'is not %s, which is an insecure URL',
    async (word) => {
      expect((await errorOf(() => select({}, word))).code).toBe('insecure_url')
    },
  )
})

describe('mcp_server_url', () => {
  const both = { mcp_server_url: PLAIN, servers: { work: { url: WORK } } }

  test('is a name where it stands in the file', async () => {
    expect(select({ mcp_server_url: PLAIN }, 'mcp_server_url')?.config.url).toBe(PLAIN)
    expect(select(both, 'mcp_server_url')?.config.url).toBe(PLAIN)
    expect((await errorOf(() => select(both, 'foo'))).hint).toBe('Known servers: work, mcp_server_url.')
    expect((await errorOf(() => select({}, 'mcp_server_url'))).code).toBe('usage')
  })

  test('is one of the servers of the file, once', () => {
    const { serverNames, configured, server } = settings(both)
    expect(server).toBeUndefined()
    expect(serverNames).toEqual(['work', 'mcp_server_url'])
    expect(configured.map((one) => one.server)).toEqual([WORK, PLAIN])
    expect(settings({ mcp_server_url: PLAIN }).configured).toEqual([
      { server: PLAIN, profile: 'default', protocol: 'auto' },
    ])
    const twice = settings({ mcp_server_url: WORK, servers: { work: { url: WORK, transport: 'sse' } } })
    expect(twice.configured).toEqual([{ server: WORK, profile: 'default', protocol: '2025' }])
  })
})

test('a callback URL that no login process can have is right only where a gateway has it', async () => {
  const callback_url = 'https://gateway.example/auth/callback'
  const ofGateway = [{}, { serve: {} }, { database_url: 'postgresql://ann:secret@db.example:5432/bridge' }]
  for (const more of ofGateway) {
    expect(settings({ callback_url, ...more }, 'file').callbackUrls).toEqual([callback_url])
    expect((await errorOf(() => settings({ callback_url, ...more }))).code).toBe('usage')
  }
  expect(settings({ callback_url }, 'gateway').callbackUrls).toEqual([callback_url])
  for (const url of ['https://127.0.0.1:8080/auth/callback', 'http://gateway.example/auth/callback', 'foo'])
    expect((await errorOf(() => settings({ callback_url: url }, 'file'))).code).toBe('usage')
})
