// The opener, seen from outside: when it is started, with what, and that nothing it does reaches the host.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, onTestFinished, test } from 'vitest'
import { startCrookedServer } from '../servers/scriptedOrigin.ts'
import { startStage } from '../servers/stage.ts'

let stage: Awaited<ReturnType<typeof startStage>>
afterEach(() => stage?.close())

const here = () => ['--callback-url', stage.callbackUrl]
const login = (browser: string, ...more: string[]) =>
  stage.command(['login', stage.server.url, ...here(), ...more], { BROWSER: browser })

async function crooked(options: Parameters<typeof startCrookedServer>[0]) {
  const server = await startCrookedServer(options)
  onTestFinished(() => server.close())
  return server
}

test('the port listens before the browser is opened', async () => {
  stage = await startStage()
  const seen = join(stage.home, 'seen')
  const check = `fetch('${stage.callbackUrl}').then(({ status }) => fs.writeFileSync('${seen}', String(status)))`
  const browser = stage.opener(`'${process.execPath}' -e "${check}" && exec "$SOMEBODY" "$1"`)
  expect((await login(browser)).code).toBe(0)
  expect(readFileSync(seen, 'utf8')).toBe('400')
})

test('the port listens before the address is shown', async () => {
  stage = await startStage()
  const shown = stage.start(['login', stage.server.url, '--no-browser', ...here()])
  const address = await shown.says(/^http\S+/m)
  expect((await fetch(stage.callbackUrl)).status).toBe(400)
  await stage.visit(address)
  expect(await shown.exited).toBe(0)
})

test('an opener that returns only after the redirect was followed, and then fails, does no harm', async () => {
  stage = await startStage()
  expect(await login(stage.opener('"$SOMEBODY" "$1"; exit 1'))).toMatchObject({ code: 0, stdout: '' })
})

test('an opener that never returns does not block the sign-in', async () => {
  stage = await startStage()
  expect(await login(stage.opener('"$SOMEBODY" "$1"; exec sleep 600'))).toMatchObject({ code: 0, stdout: '' })
})

test('if an opener fails, the address is printed and the sign-in goes on', async () => {
  stage = await startStage()
  const failing = stage.start(['login', stage.server.url, ...here()], { BROWSER: stage.opener('exit 3') })
  await failing.says(/could not be opened/)
  await stage.visit(await failing.says(/^http\S+\/auth\?\S+/m))
  expect(await failing.exited).toBe(0)
})

test('an address over 2,000 characters is printed too: Windows opens it or not, and does not say', async () => {
  stage = await startStage()
  const long = await login(stage.opener('exec "$SOMEBODY" "$1"'), '--scope', `openid ${'x'.repeat(2_000)}`)
  expect(long.stderr).toMatch(/If no tab opens, open this address:\nhttp\S{2000,}/)
  const short = await login(stage.opener('exec "$SOMEBODY" "$1"'), '--force')
  expect(short).toMatchObject({ code: 0 })
  expect(short.stderr).not.toContain('If no tab opens')
})

test('what the opener prints to stdout does not reach the host', async () => {
  stage = await startStage()
  const noise = `echo '{"jsonrpc":"2.0","id":1,"result":{}}'; echo rubbish; echo rubbish >&2`
  const browser = stage.opener(`${noise}; exec "$SOMEBODY" "$1"`)
  const host = stage.host([], { BROWSER: browser })
  expect((await host.initialize()).result.serverInfo).toBeDefined()
  await host.close()
  expect(host.rubbish).toEqual([])
  expect(host.heard.filter(({ id }) => id === 1)).toHaveLength(1)
  expect(host.stderr).not.toContain('rubbish')
  expect(await login(browser, '--force')).toMatchObject({ code: 0, stdout: '' })
})

test('what a dependency prints with console goes to stderr, not to the host', async () => {
  stage = await startStage()
  // Prints as soon as the program has had its way with the console, and never before.
  const hook = join(stage.home, 'noisy.mjs')
  const names = "['log', 'info', 'debug', 'dir', 'dirxml', 'table', 'group', 'groupCollapsed', 'count']"
  const print = `for (const name of ${names}) console[name](['rubbish'])`
  const noise = `const { log } = console; setInterval(() => { if (console.log !== log) { ${print} } }, 1).unref()`
  writeFileSync(hook, noise)
  const host = stage.host([], { NODE_OPTIONS: `--import=file://${hook}` })
  expect(await host.isMet()).toBe(true)
  await host.close()
  expect(host.stderr).toContain('rubbish')
  expect(host.rubbish).toEqual([])
})

test('no secret is in the arguments of the bridge, the login process or the opener, nor in the opener’s environment', async () => {
  stage = await startStage()
  const environmentFile = join(stage.home, 'environment')
  const browser = stage.opener(`env > '${environmentFile}'; exec "$SOMEBODY" "$1"`)
  const headers = join(stage.home, 'headers')
  writeFileSync(headers, 'X-Api: needle-header\n')
  const key = Buffer.alloc(32, 'needle').toString('base64')
  const secrets = { MCP_OAUTH_BRIDGE_KEY: key, TEAM_TOKEN: 'needle-token' }
  // The name of the variable is the host's own word; what it stands for is not.
  const named = ['X-Team:$', '{TEAM_TOKEN}'].join('')
  const host = stage.host(['--header-file', headers, '--header', named], {
    ...{ ...secrets, BROWSER: browser, PERSON: 'absent' },
  })
  void host.initialize().catch(() => undefined)
  const [tab] = await stage.untilTabs(1)
  const lines = stage.commandLines()
  expect(lines.filter((words) => words.includes('--attempt')).map((words) => words.slice(2))).toEqual([
    ['login', '--attempt'],
  ])
  expect(lines.length).toBeGreaterThan(1)
  expect(JSON.stringify(lines)).not.toMatch(/needle/)
  expect(JSON.stringify(lines)).not.toContain(key)
  expect(tab).toHaveLength(1)
  expect(existsSync(environmentFile)).toBe(true)
  expect(readFileSync(environmentFile, 'utf8')).not.toMatch(/needle|MCP_OAUTH_BRIDGE/)
  await host.close()
})

/** What a server may name as authorization_endpoint → all that is said of it. */
const ENDPOINTS = [
  ['file:///etc/needle', 'file://'],
  ['javascript:alert("needle")', 'javascript:'],
  ['data:text/html,needle', 'data:'],
  ['smb://evil.example/needle', 'smb://evil.example'],
  ['ms-settings:needle', 'ms-settings:'],
  ['vscode://needle.example/needle', 'vscode://needle.example'],
  ['ftp://evil.example/needle', 'ftp://evil.example'],
  ['http://evil.example/needle?needle', 'http://evil.example'],
  ['https://alice:needle@evil.example/needle', 'https://evil.example'],
  ['https://', 'authorization_endpoint'],
  ['not an address needle', 'authorization_endpoint'],
  ['-https://evil.example/needle', 'authorization_endpoint'],
  ['--needle', 'authorization_endpoint'],
] as const

test('an authorization_endpoint that is neither https nor http on loopback is not opened; login names only its scheme and host', async () => {
  stage = await startStage()
  for (const [endpoint, named] of ENDPOINTS) {
    const server = await crooked({ metadata: { authorization_endpoint: endpoint } })
    const refused = await stage.command(['login', server.url, ...here()])
    expect(refused.code, endpoint).toBe(3)
    expect(refused.stderr).toContain('discovery_failed')
    expect(refused.stderr).toContain(named)
    expect(refused.stderr.replaceAll('needle.example', ''), endpoint).not.toMatch(/needle|alice/)
  }
  expect(stage.tabs()).toEqual([])
})

test('hostile characters of a server’s address reach the opener as one argument that parses to the same address', async () => {
  stage = await startStage()
  const server = await crooked({})
  const hostile = `${server.origin}/authorize?a=$(calc)&b=\`id\`&c="%26calc%26"&d=%COMSPEC%&e=^|;'<>&f=\u202e\u0430&g=-x`
  const other = await crooked({ metadata: { authorization_endpoint: hostile } })
  expect((await stage.command(['login', other.url, ...here()])).code).toBe(0)
  const [words] = stage.tabs()
  expect(words).toHaveLength(1)
  const opened = new URL(words?.[0] ?? '')
  expect(opened.href).toBe(words?.[0])
  expect(opened.searchParams.get('a')).toBe('$(calc)')
  expect(opened.searchParams.get('b')).toBe('`id`')
  expect(opened.searchParams.get('c')).toBe('"&calc&"')
  expect(opened.searchParams.get('f')).toBe('\u202e\u0430')
})

test('newline, lone CR, NUL and 100 kB of query in a server’s address reach the opener as one argument that parses to the same address', async () => {
  stage = await startStage()
  const { origin } = await crooked({})
  const long = 'x'.repeat(100_000)
  const hostile = `${origin}/authorize?a=1\n2&b=3\r4&c=5\u00006&d=\n-x&long=${long}`
  const other = await crooked({ metadata: { authorization_endpoint: hostile } })
  stage.start(['login', other.url, ...here()], { PERSON: 'absent' })
  const [words] = await stage.untilTabs(1)
  expect(words).toHaveLength(1)
  const opened = new URL(words?.[0] ?? '')
  expect(opened.href).toBe(words?.[0])
  expect(opened.origin).toBe(origin)
  expect(opened.href).toMatch(/^[!#-~]+$/)
  // A line break in an address is left out (URL standard, section 4.4).
  const found = ['a', 'b', 'c', 'd', 'long'].map((name) => opened.searchParams.get(name))
  expect(found).toEqual(['12', '34', '5\u00006', '-x', long])
})

test('a BROWSER with arguments is neither split nor run by a shell: nothing starts, and the address is printed', async () => {
  stage = await startStage()
  const mark = join(stage.home, 'mark')
  const program = stage.opener(`touch '${mark}'; exec "$SOMEBODY" "$1"`)
  const commands = [
    `${program} --incognito`,
    `${program} %s`,
    `touch ${mark};true`,
    `sh -c "touch ${mark}"`,
    `$(touch ${mark})`,
  ]
  for (const [at, browser] of commands.entries()) {
    const words = ['login', stage.server.url, '--profile', `p${at}`, ...here()]
    const told = stage.start(words, { BROWSER: browser })
    await told.says(/could not be opened/)
    await stage.visit(await told.says(/^http\S+\/auth\?\S+/m))
    expect(await told.exited, browser).toBe(0)
    expect(existsSync(mark), browser).toBe(false)
  }
  // Without arguments the same program leaves its mark.
  expect((await login(program, '--profile', 'seen')).code).toBe(0)
  expect(existsSync(mark)).toBe(true)
})
