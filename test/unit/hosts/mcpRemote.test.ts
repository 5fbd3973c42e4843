// Entries that start mcp-remote: what is taken over, what becomes a variable, what is left out.
import { describe, expect, test } from 'vitest'
import { mcpRemoteServer } from '../../../src/hosts/mcpRemote.ts'

const URL = 'https://mcp.example.com/mcp'
const of = (...args: string[]) => mcpRemoteServer('work', { command: 'npx', args: ['-y', 'mcp-remote', ...args] })

describe('an entry that starts mcp-remote', () => {
  test.each([
    { command: 'npx', args: ['mcp-remote', URL] },
    { command: 'npx', args: ['-y', 'mcp-remote@latest', URL, '9696'] },
    { command: 'mcp-remote', args: [URL] },
    { command: 'cmd', args: ['/c', 'npx', '-y', 'mcp-remote@0.1.29', URL] },
    { command: 'C:\\npm\\mcp-remote.cmd', args: [URL] },
    { command: 'node', args: ['/usr/lib/node_modules/mcp-remote/dist/proxy.js', URL] },
  ])('is found, however it is started: %j', (entry) => {
    expect(mcpRemoteServer('work', entry)).toEqual({
      name: 'work',
      url: URL,
      server: { url: URL },
      variables: [],
      references: [],
      leftOut: [],
    })
  })

  test.each([
    undefined,
    null,
    'text',
    { url: URL },
    { command: 'npx', args: ['other', URL] },
    { command: 'npx', args: ['mcp-remote'] },
    { command: 'npx', args: ['mcp-remote', 'no-url'] },
    { command: 'npx', args: ['not-mcp-remote', URL] },
  ])('is not %j', (entry) => {
    expect(mcpRemoteServer('work', entry)).toBeUndefined()
  })

  test('gives its headers; a secret becomes a variable, a reference stays one', () => {
    const found = of(
      URL,
      '--header',
      'Authorization: Bearer canary',
      '--header',
      'X-Team:core',
      '--header',
      `X-Api-Key:\${KEY}`,
    )
    expect(found?.server).toEqual({
      url: URL,
      headers: {
        Authorization: `\${MCP_OAUTH_BRIDGE_VALUE_WORK_AUTHORIZATION}`,
        'X-Team': 'core',
        'X-Api-Key': `\${KEY}`,
      },
    })
    expect(found?.variables).toEqual(['MCP_OAUTH_BRIDGE_VALUE_WORK_AUTHORIZATION'])
    expect(found?.references).toEqual(['KEY'])
    expect(JSON.stringify(found)).not.toContain('canary')
  })

  test('gives a client that was registered by hand, without its secret', () => {
    const found = of(URL, '--static-oauth-client-info', '{"client_id":"id-1","client_secret":"canary"}')
    expect(found?.server).toEqual({ url: URL, provider: 'work' })
    expect(found?.provider).toEqual({
      client_id: 'id-1',
      client_secret: `\${MCP_OAUTH_BRIDGE_VALUE_WORK_CLIENT_SECRET}`,
    })
    expect(JSON.stringify(found)).not.toContain('canary')
  })

  test('with a key in its URL gives a variable for the whole URL', () => {
    const found = of(`${URL}?api_key=canary`)
    expect(found?.server).toEqual({ url: `\${MCP_OAUTH_BRIDGE_VALUE_WORK_URL}` })
    expect(JSON.stringify(found?.server)).not.toContain('canary')
  })

  test('names the options that have no place in the config', () => {
    const found = of(
      '--debug',
      URL,
      '--transport',
      'sse-only',
      '--resource',
      'https://r.example/',
      '--allow-http',
      '--header-file',
      '/h',
    )
    expect(found?.server).toEqual({ url: URL, headers_file: '/h' })
    expect(found?.leftOut).toEqual(['--debug', '--transport', '--resource', '--allow-http'])
  })

  test('makes variables that a shell can set', () => {
    const entry = { command: 'npx', args: ['mcp-remote', URL, '--header', 'X-Api-Key: s'] }
    expect(mcpRemoteServer('1st server.x', entry)?.variables).toEqual(['MCP_OAUTH_BRIDGE_VALUE_1ST_SERVER_X_X_API_KEY'])
  })

  test.each([
    [`Authorization:\${OPENAI_API_KEY}`],
    [`X-Team:\${OPENAI_API_KEY}`],
    [`Authorization: Bearer \${OPENAI_API_KEY}`],
  ])(
    'attack L: what the entry sets for itself (%s) is not mixed up with a variable of that name elsewhere',
    (header) => {
      const entry = { command: 'npx', args: ['mcp-remote', URL, '--header', header], env: { OPENAI_API_KEY: 'x' } }
      const found = mcpRemoteServer('work', entry)
      expect(JSON.stringify(found)).not.toContain('OPENAI')
      expect(found?.variables).toHaveLength(1)
    },
  )

  test('attack L: where mcp-remote fills in nothing, nothing is filled in later', () => {
    const client = `{"client_id":"\${CLOUD_SECRET}","client_secret":"\${CLOUD_SECRET}"}`
    const url = `https://mcp.example.com/\${CLOUD_SECRET}`
    const found = of(url, '--static-oauth-client-info', client, '--header-file', `/\${CLOUD_SECRET}`)
    expect(JSON.stringify([found?.server, found?.provider])).not.toMatch(/\$\{CLOUD_SECRET/)
    expect(found?.leftOut).toEqual(['--header-file'])
  })
})
