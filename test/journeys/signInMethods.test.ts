// Sign-ins where no browser comes back: pasting at a real terminal and through a pipe, a forwarded port, a taken one.
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { silentListener } from '../fakes/loopback.ts'
import { has } from '../needs.ts'
import { PROGRAM } from '../servers/host.ts'
import { startCrookedServer } from '../servers/scriptedOrigin.ts'
import { startStage } from '../servers/stage.ts'
import { until } from '../servers/until.ts'

let stage: Awaited<ReturnType<typeof startStage>>
afterEach(() => stage?.close())

const here = () => ['--callback-url', stage.callbackUrl]
const port = () => new URL(stage.callbackUrl).port
const SSH = { BROWSER: '', DISPLAY: '', SSH_CONNECTION: '192.0.2.1 51000 192.0.2.7 22', USER: 'alice' }
const parameter = (address: string, name: string) => new URL(address).searchParams.get(name) ?? ''

/** A terminal of its own, which ends with the stage: keys go in; what stands on it comes out, wrapped lines joined. */
function openTerminal(words: string[], environment: NodeJS.ProcessEnv) {
  const socket = join(stage.home, 'tmux')
  const tmux = (...args: string[]) => execFileSync('tmux', ['-S', socket, ...args], { encoding: 'utf8' })
  const set = Object.entries(environment).map(([name, value]) => `${name}=${value}`)
  const command = ['env', '-i', ...set, 'TERM=screen', 'sh', '-c', '"$@"; echo "ended with $?"; read wait', 'sh']
  tmux('-f', '/dev/null', 'new-session', '-d', '-x', '100', '-y', '50', ...command, ...words)
  const screen = () => tmux('capture-pane', '-p', '-J', '-S', '-200')
  return {
    screen,
    shows: (pattern: RegExp) => until(`${pattern} on the screen`, () => pattern.exec(screen())?.[0], screen),
    paste(text: string) {
      tmux('set-buffer', text)
      tmux('paste-buffer')
      tmux('send-keys', 'Enter')
    },
    key: (name: string) => tmux('send-keys', name),
  }
}

describe.skipIf(!has('tmux'))('at a terminal', () => {
  const login = () =>
    openTerminal([process.execPath, PROGRAM, 'login', stage.server.url, ...here()], { ...stage.environment, ...SSH })

  test('Issue: the pasted address is refused: over SSH a person opens the address elsewhere and pastes where it ends; wrong input is asked again', async () => {
    stage = await startStage()
    const terminal = login()
    const address = (await terminal.shows(/^http\S+authorize\S+|^http\S+\/auth\?\S+/m)).trim()
    expect(terminal.screen()).toContain(`ssh -L ${port()}:localhost:${port()} alice@192.0.2.7`)
    await terminal.shows(/paste its address here/)
    const end = await stage.visitElsewhere(address)

    terminal.paste(parameter(end, 'code'))
    await terminal.shows(/That is not an address/)
    terminal.paste(end.replace(parameter(end, 'state'), 'a-state-of-somebody-else'))
    await terminal.shows(/belongs to another sign-in/)
    terminal.paste(address)
    await terminal.shows(/address to open/)
    expect(stage.authorization.state.tokenRequests).toBe(0)

    terminal.paste(end)
    await terminal.shows(/ended with 0/)
    expect(terminal.screen()).toContain('Signed in to')
    expect(terminal.screen()).not.toContain(parameter(end, 'code'))
    expect(stage.authorization.counts.codeGrants).toBe(1)
    expect(stage.tabs()).toEqual([])
    await stage.callbackPortIsFree()
  })

  test('the callback that arrives first ends the prompt', async () => {
    stage = await startStage()
    const terminal = login()
    const address = (await terminal.shows(/^http\S+\/auth\?\S+/m)).trim()
    await terminal.shows(/paste its address here/)
    await stage.visit(address)
    await terminal.shows(/ended with 0/)
    expect(terminal.screen()).toContain('Signed in to')
  })

  test('Ctrl-C at the prompt ends the sign-in with exit code 130 and a free port', async () => {
    stage = await startStage()
    const terminal = login()
    await terminal.shows(/paste its address here/)
    terminal.key('C-c')
    await terminal.shows(/ended with 130/)
    await stage.callbackPortIsFree()
  })
})

test('login --paste reads the address from a pipe, opens nothing, and writes nothing to stdout', async () => {
  stage = await startStage()
  const login = stage.start(['login', stage.server.url, '--paste', ...here()])
  const end = await stage.visitElsewhere(await login.says(/^http\S+/m))
  login.child.stdin.write(`${end}\n`)
  expect(await login.exited).toBe(0)
  expect(stage.tabs()).toEqual([])
  expect(login.stdout()).toBe('')
  expect(await login.says(/Signed in to .*/)).toContain('alice@example.com')
})

test('login --paste goes on where the server wants another request, and says the next address', async () => {
  stage = await startStage()
  const server = await startCrookedServer({
    metadata: { scopes_supported: ['files', 'offline_access'] },
    resource: { scopes_supported: ['files'] },
  })
  const approve = server.routes['/authorize']
  server.routes['/authorize'] = (seen) => {
    if (!seen.query.get('scope')?.includes('offline_access')) return approve?.(seen) ?? {}
    const to = new URL(seen.query.get('redirect_uri') ?? '')
    const said = { error: 'invalid_scope', error_description: 'offline_access is not allowed' }
    to.search = new URLSearchParams({ ...said, state: seen.query.get('state') ?? '' }).toString()
    return { status: 302, headers: { location: to.href } }
  }
  const login = stage.start(['login', server.url, '--paste', ...here()])
  const first = await login.says(/^http\S+/m)
  login.child.stdin.write(`${await stage.visitElsewhere(first)}\n`)
  const next = (await login.says(/starts again.*\nhttp\S+/)).split('\n')[1] ?? ''
  expect(parameter(next, 'state')).not.toBe(parameter(first, 'state'))
  login.child.stdin.write(`${await stage.visitElsewhere(next)}\n`)
  expect(await login.exited).toBe(0)
  expect(server.tokenRequests()).toBe(1)
  await server.close()
})

test('login --paste still waits for the callback after its input has ended', async () => {
  stage = await startStage()
  const login = stage.start(['login', stage.server.url, '--paste', ...here()])
  login.child.stdin.end()
  await stage.visit(await login.says(/^http\S+/m))
  expect(await login.exited).toBe(0)
})

test('login --paste needs no port: another program may have it', async () => {
  stage = await startStage()
  const registered = await fetch(`${stage.authorization.issuer}/reg`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      ...{ redirect_uris: [stage.callbackUrl], token_endpoint_auth_method: 'none', application_type: 'native' },
      grant_types: ['authorization_code', 'refresh_token'],
    }),
  })
  const { client_id: id } = (await registered.json()) as { client_id: string }
  await silentListener('127.0.0.1', Number(port()))
  const words = ['login', stage.server.url, '--client-id', id, ...here()]
  expect((await stage.command(words)).stderr).toContain('port_in_use')
  const login = stage.start([...words, '--paste'])
  login.child.stdin.write(`${await stage.visitElsewhere(await login.says(/^http\S+/m))}\n`)
  expect(await login.exited).toBe(0)
})

test('a second login joins the first, and pasting into it completes both', async () => {
  stage = await startStage()
  const first = stage.start(['login', stage.server.url, '--no-browser', ...here()])
  const address = await first.says(/^http\S+/m)
  const second = stage.start(['login', stage.server.url, '--paste', ...here()])
  expect(await second.says(/^http\S+/m)).toBe(address)
  second.child.stdin.write(`${await stage.visitElsewhere(address)}\n`)
  expect(await Promise.all([first.exited, second.exited])).toEqual([0, 0])
  expect(stage.authorization.counts.codeGrants).toBe(1)
})

test('a bridge whose browser does not reach the person opens none and prints the address', async () => {
  stage = await startStage()
  const host = stage.host([], SSH)
  const initialized = host.initialize()
  await stage.visit(await host.says(/http\S+\/auth\?\S+/))
  expect((await initialized).result).toBeDefined()
  expect(stage.tabs()).toEqual([])
  await host.close()
})
