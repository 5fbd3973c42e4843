// Entries that start mcp-remote: what is taken over, what becomes a variable, what is left out.
import { describe, expect, test } from 'vitest'
import { mcpRemoteServer } from '../../../src/hosts/mcpRemote.ts'
import { remoteCommand } from '../../../src/hosts/remoteCommand.ts'

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

  test('carries over what config.yaml has, and says what to write instead of the rest', () => {
    const found = of(
      ...['--debug', URL, '3334', '--transport', 'sse-only', '--resource', 'https://r.example/', '--allow-http'],
      ...[
        '--header-file',
        '/h',
        '--authorize-param',
        'access_type=offline',
        '--use-id-token',
        '--token-endpoint=https://as.example/t',
      ],
      ...['--static-oauth-client-metadata', '{"client_name":"x","scope":"a  b"}', '--silent', '--enable-proxy'],
      ...['--ignore-tool', 'delete*', '--auth-timeout', '60', '--body-timeout', '0', '--new-option', 'x'],
    )
    expect(found?.server).toEqual({
      url: URL,
      headers_file: '/h',
      transport: 'sse',
      allow_http: true,
      hide_tools: ['delete*'],
      provider: 'work',
    })
    expect(found?.provider).toEqual({
      scopes: ['a', 'b'],
      resource: 'https://r.example/',
      authorize_params: { access_type: 'offline' },
      bearer: 'id_token',
      token_endpoint: 'https://as.example/t',
    })
    expect(found?.leftOut).toEqual(['--new-option'])
    expect(found?.advice).toEqual([
      expect.stringContaining('--static-oauth-client-metadata: client_name: '),
      expect.stringContaining('session_timeout'),
      expect.stringContaining('request_timeout: 0'),
    ])
  })

  test.each([
    [['--transport', 'http-only'], { transport: 'http' }],
    [['--transport', 'http-first'], {}],
    [['--transport', 'sse-first'], {}],
    [['--transport=sse-only'], { transport: 'sse' }],
    [['--protocol', 'legacy'], { protocol: 2025 }],
    [['--protocol=auto'], { protocol: 'auto' }],
    [['--protocol', 'auto', '--protocol', 'legacy'], { protocol: 2025 }],
    [['--transport', 'sse-only', '--protocol', 'auto'], { transport: 'sse', protocol: 'auto' }],
    [['--disable-resource-parameter'], { provider: 'work' }],
    [['--client-credentials'], { provider: 'work' }],
    [['--host', '127.0.0.1'], {}],
  ])('reads %j', (options, more) => {
    expect(of(URL, ...options)?.server).toEqual({ url: URL, ...more })
    expect(of(...options, URL)?.server).toEqual({ url: URL, ...more })
  })

  test.each([['modern'], ['2026-07-28'], ['Legacy'], ['']])('says that it does not know --protocol %j', (value) => {
    const found = of(URL, `--protocol=${value}`)
    expect(found?.server).toEqual({ url: URL })
    expect(found?.leftOut).toEqual([])
    expect(found?.advice).toEqual([expect.stringContaining('set protocol: auto, 2025 or 2026')])
    expect(of(URL, '--protocol', 'legacy')?.advice).toBeUndefined()
  })

  test('reads a client from a file, with its redirect URI and no secret', () => {
    const readFile = (path: string) => (path === '/c.json' ? '{"client_id":"c","client_secret":"canary"}' : undefined)
    const entry = (...more: string[]) => ({
      command: 'npx',
      args: ['mcp-remote', URL, '9000', '--static-oauth-client-info', '@/c.json', ...more],
    })
    const found = mcpRemoteServer('work', entry('--callback-path', '/cb'), { readFile })
    expect(found?.provider).toEqual({ client_id: 'c', client_secret: `\${MCP_OAUTH_BRIDGE_VALUE_WORK_CLIENT_SECRET}` })
    expect(found?.server.callback_url).toBe('http://localhost:9000/cb')
    expect(JSON.stringify(found)).not.toContain('canary')
    expect(found?.environment?.()).toEqual({ MCP_OAUTH_BRIDGE_VALUE_WORK_CLIENT_SECRET: 'canary' })
    expect(mcpRemoteServer('work', entry())?.advice).toEqual([
      expect.stringMatching(/client-info: \/c\.json cannot be read/),
    ])
  })

  test.each([
    { command: 'npx', args: ['--yes', 'mcp-remote', URL] },
    { command: 'npx', args: ['-p', 'mcp-remote', 'mcp-remote', URL] },
    { command: 'npx', args: ['-y', '-p', 'mcp-remote@0.1.29', 'mcp-remote', URL] },
    { command: 'pnpm', args: ['dlx', 'mcp-remote@latest', URL] },
    { command: 'yarn', args: ['dlx', 'mcp-remote', URL] },
    { command: 'bunx', args: ['mcp-remote', URL] },
    { command: 'deno', args: ['run', '-A', 'npm:mcp-remote', URL] },
    { command: 'env', args: ['npx', 'mcp-remote', URL] },
    { command: `npx -y mcp-remote ${URL}` },
    { command: 'bash', args: ['-c', `npx -y mcp-remote ${URL}`] },
    { command: '/bin/sh', args: ['-lc', `exec npx mcp-remote '${URL}'`] },
    { command: 'zsh', args: ['-l', '-c', `npx mcp-remote "${URL}"`] },
    { command: 'cmd', args: ['/c', `npx -y mcp-remote ${URL}`] },
    { command: 'cmd.exe', args: ['/C', 'npx', '-y', 'mcp-remote', URL] },
    { command: 'C:\\Windows\\System32\\cmd.exe', args: ['/d', '/s', '/c', 'npx', 'mcp-remote', URL] },
    { command: 'powershell', args: ['-NoProfile', '-Command', `npx mcp-remote ${URL}`] },
    { command: 'pwsh.exe', args: ['-Command', `& npx mcp-remote ${URL}`] },
  ])('is found through runners and shells: %j', (entry) => {
    expect(mcpRemoteServer('work', entry)?.server).toEqual({ url: URL })
  })

  test('keeps what a shell sets for it, and the headers of its words', () => {
    const entry = {
      command: 'bash',
      args: [
        '-c',
        `HTTPS_PROXY=http://p:1 TEAM='a b' npx mcp-remote ${URL} --header "X-Team: $TEAM" --header 'X-Key:canary'`,
      ],
      env: { LANG: 'C' },
    }
    const found = mcpRemoteServer('work', entry)
    expect(JSON.stringify(found)).not.toContain('canary')
    expect(found?.environment?.()).toEqual({
      LANG: 'C',
      HTTPS_PROXY: 'http://p:1',
      TEAM: 'a b',
      MCP_OAUTH_BRIDGE_VALUE_WORK_X_TEAM: 'a b',
      MCP_OAUTH_BRIDGE_VALUE_WORK_X_KEY: 'canary',
    })
  })

  test.each([
    `npx mcp-remote ${URL} | tee log`,
    `npx mcp-remote ${URL} && echo done`,
    `npx mcp-remote ${URL} --header "X-Key: $(cat key)"`,
    `npx mcp-remote ${URL} --header "X-Key: \`cat key\`"`,
    `npx mcp-remote ${URL} > log`,
    `cd /x; npx mcp-remote ${URL}`,
  ])('is not guessed where a shell does more: %j', (text) => {
    const entry = { command: 'bash', args: ['-c', text] }
    expect(remoteCommand(entry)).toBe('unclear')
    expect(mcpRemoteServer('work', entry)).toBeUndefined()
  })

  test('makes variables that a shell can set', () => {
    const entry = { command: 'npx', args: ['mcp-remote', URL, '--header', 'X-Api-Key: s'] }
    expect(mcpRemoteServer('1st server.x', entry)?.variables).toEqual(['MCP_OAUTH_BRIDGE_VALUE_1ST_SERVER_X_X_API_KEY'])
  })

  test.each([
    [`Authorization:\${OPENAI_API_KEY}`],
    [`X-Team:\${OPENAI_API_KEY}`],
    [`Authorization: Bearer \${OPENAI_API_KEY}`],
  ])('what the entry sets for itself (%s) is not mixed up with a variable of that name elsewhere', (header) => {
    const entry = { command: 'npx', args: ['mcp-remote', URL, '--header', header], env: { OPENAI_API_KEY: 'x' } }
    const found = mcpRemoteServer('work', entry)
    expect(JSON.stringify(found)).not.toContain('OPENAI')
    expect(found?.variables).toHaveLength(1)
  })

  test('where mcp-remote fills in nothing, nothing is filled in later', () => {
    const url = `https://mcp.example.com/\${CLOUD_SECRET}`
    const found = of(url, '--header-file', `/\${CLOUD_SECRET}`, '--authorize-param', `x=\${CLOUD_SECRET}`)
    expect(JSON.stringify([found?.server, found?.provider])).not.toMatch(/\$\{CLOUD_SECRET/)
    expect(found?.advice).toEqual([expect.stringContaining('it was not read; set headers_file')])
  })

  test('what mcp-remote fills in of a client comes from the entry, or from the environment', () => {
    const client = `{"client_id":"\${ID}","client_secret":"\${SECRET}"}`
    const args = ['mcp-remote', URL, '--static-oauth-client-info', client]
    const found = mcpRemoteServer('work', { command: 'npx', args, env: { SECRET: 'canary' } })
    expect(found?.provider).toEqual({
      client_id: `\${ID}`,
      client_secret: `\${MCP_OAUTH_BRIDGE_VALUE_WORK_CLIENT_SECRET}`,
    })
    expect(found?.references).toEqual(['ID'])
    expect(found?.environment?.()).toEqual({ SECRET: 'canary', MCP_OAUTH_BRIDGE_VALUE_WORK_CLIENT_SECRET: 'canary' })
  })

  test.each(['input:key', 'env:KEY', 'KEY:-none', 'MY-KEY'])(
    'what a host fills in, such as %s in braces, stays with the host',
    (reference) => {
      const found = of(URL, '--header', `X-Key: a \${${reference}}`)
      expect(found?.server.headers).toEqual({ 'X-Key': `\${MCP_OAUTH_BRIDGE_VALUE_WORK_X_KEY}` })
      expect(found?.environment?.()).toEqual({ MCP_OAUTH_BRIDGE_VALUE_WORK_X_KEY: `a \${${reference}}` })
    },
  )

  test.each([
    [[`X-Plain: 1`], { headers_file: '/a' }],
    [['# note', '', 'X-Plain: 1', 'nonsense'], { headers: { 'X-Plain': '1' } }],
    [[`X-Team: \${TEAM}`], { headers: { 'X-Team': `\${TEAM}` } }],
  ])('one header file %j stays one only if the bridge reads it as mcp-remote does', (lines, expected) => {
    const args = ['mcp-remote', URL, '--header-file', '/a']
    const readFile = () => lines.join('\r\n')
    expect(mcpRemoteServer('work', { command: 'npx', args }, { readFile })?.server).toEqual({ url: URL, ...expected })
  })

  test('several header files become headers, in their order, before those of the words', () => {
    const files: Record<string, string> = { '/a': 'X-A: 1\nX-B: 1', '/b': 'X-B: 2\nX-Key: canary' }
    const args = ['mcp-remote', URL, '--header-file', '/a', '--header', 'X-A:3', '--header-file', '/b']
    const found = mcpRemoteServer('work', { command: 'npx', args }, { readFile: (path) => files[path] })
    expect(found?.server.headers).toEqual({
      'X-A': '3',
      'X-B': '2',
      'X-Key': `\${MCP_OAUTH_BRIDGE_VALUE_WORK_X_KEY}`,
    })
  })

  test.each(['~/h', `\${HOME}/h`, `\${userHome}/h`])(
    'knows the home folder as a shell or a host writes it: %s',
    (path) => {
      const entry = { command: 'npx', args: ['mcp-remote', URL, '--header-file', path] }
      expect(mcpRemoteServer('work', entry, { home: '/home/me' })?.server.headers_file).toBe('/home/me/h')
    },
  )

  test.each([
    [['--resource', 'https://r.example/', '--disable-resource-parameter'], 'none'],
    [['--resource', ''], 'none'],
    [['--resource', ' https://r.example/ '], 'https://r.example/'],
  ])('a resource is the one that mcp-remote sends: %j', (options, resource) => {
    expect(of(URL, ...options)?.provider).toEqual({ resource })
  })

  test.each([
    { command: 'npx', args: ['-p', 'mcp-remote@0.1.29', '-c', `mcp-remote ${URL}`] },
    { command: '/usr/bin/env', args: ['-S', `npx mcp-remote ${URL}`] },
    { command: 'wsl.exe', args: ['-e', 'bash', '-lc', `npx mcp-remote ${URL}`] },
    { command: 'wsl.exe', args: ['npx', '-y', 'mcp-remote', URL] },
    { command: 'bash', args: ['-c', `source ~/.nvm/nvm.sh && nvm use 22 && npx mcp-remote ${URL} 2>/dev/null`] },
    { command: 'bash', args: ['-lc', `. ~/.profile\nexec npx mcp-remote \\\n  ${URL} 2>&1`] },
    { command: 'npx', args: ['mcp-remote', '$' + '{MCP_URL}'], env: { MCP_URL: URL } },
    { command: 'bash', args: ['-c', 'npx mcp-remote "$MCP_URL"'], env: { MCP_URL: URL } },
  ])('is found behind what prepares it: %j', (entry) => {
    expect(mcpRemoteServer('work', entry)?.server).toEqual({ url: URL })
  })

  test('an empty pattern hides no tool, and keeps no other from being hidden', () => {
    expect(of(URL, '--ignore-tool', '', '--ignore-tool=x*')?.server).toEqual({ url: URL, hide_tools: ['x*'] })
  })

  test('a URL that ends like the program is the URL', () => {
    const url = 'https://mcp.example.com/mcp-remote'
    expect(of(url)?.server).toEqual({ url })
  })

  test.each([
    ['bash', ['-c', `export TEAM='a b'; TOP=1; npx mcp-remote ${URL} --header "X-Team: $TEAM"`]],
    ['env', ['TEAM=a b', 'npx', 'mcp-remote', URL, '--header', `X-Team:\${TEAM}`]],
    ['npx', ['cross-env', 'TEAM=a b', 'npx', 'mcp-remote', URL, '--header', `X-Team:\${TEAM}`]],
    ['docker', ['run', '-i', '-e', 'TEAM=a b', 'node:22', 'npx', 'mcp-remote', URL, '--header', `X-Team:\${TEAM}`]],
  ])('keeps what is set in front of it by %s', (command, args) => {
    const found = mcpRemoteServer('work', { command, args })
    expect(found?.environment?.()).toMatchObject({ TEAM: 'a b', MCP_OAUTH_BRIDGE_VALUE_WORK_X_TEAM: 'a b' })
    expect(found?.server.headers).toEqual({ 'X-Team': `\${MCP_OAUTH_BRIDGE_VALUE_WORK_X_TEAM}` })
  })

  test.each([
    ['cmd', ['/c', `npx mcp-remote ${URL} --header-file C:\\Users\\me\\h.txt --header "X-Team: %TEAM%"`]],
    ['cmd', ['/c', 'npx', 'mcp-remote', URL, '--header-file', 'C:\\Users\\me\\h.txt', '--header', 'X-Team: %TEAM%']],
    ['pwsh', ['-c', `& npx mcp-remote '${URL}' --header-file 'C:\\Users\\me\\h.txt' --header "X-Team: $env:TEAM"`]],
  ])('paths and variables of %s are read as that shell reads them', (command, args) => {
    const found = mcpRemoteServer('work', { command, args })
    expect(found?.server).toEqual({
      url: URL,
      headers_file: 'C:\\Users\\me\\h.txt',
      headers: { 'X-Team': `\${TEAM}` },
    })
  })

  test('JSON in the words of cmd keeps its quotes', () => {
    const text = `npx mcp-remote ${URL} --static-oauth-client-info "{\\"client_id\\":\\"a b\\"}"`
    expect(mcpRemoteServer('work', { command: 'cmd', args: ['/c', text] })?.provider).toEqual({ client_id: 'a b' })
  })

  test.each([
    ['bash', `npx mcp-remote "$@"`],
    ['bash', `npx mcp-remote ${URL} --header "X-Team: \${TEAM:-core}"`],
    ['bash', `git pull && npx mcp-remote ${URL}`],
    ['cmd', `npx mcp-remote ${URL} > log`],
    ['cmd', `cd C:\\x && npx mcp-remote ${URL}`],
    ['pwsh', `npx mcp-remote ${URL} --header "X-Key: $(Get-Content key)"`],
  ])('is not guessed where %s does more: %j', (command, text) => {
    const entry = { command, args: [command === 'cmd' ? '/c' : '-c', text] }
    expect(remoteCommand(entry)).toBe('unclear')
    expect(mcpRemoteServer('work', entry)).toBeUndefined()
  })
})
