// What a person names for a sign-in is never dropped because another sign-in waits already, or somebody is signed in.
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { freePort } from '../servers/freePort.ts'
import { startStage } from '../servers/stage.ts'
import { until } from '../servers/until.ts'

let stage: Awaited<ReturnType<typeof startStage>>
beforeEach(async () => {
  stage = await startStage({ features: { deviceFlow: { enabled: true } } })
})
afterEach(() => stage.close())

const login = (...more: string[]) =>
  stage.start(['login', stage.server.url, '--no-browser', '--callback-url', stage.callbackUrl, ...more])
type Running = ReturnType<typeof login>
const addressOf = async (running: Running) => new URL(await running.says(/^http\S+/m))
const accounts = async () => JSON.parse((await stage.command(['status', '--json'])).stdout).accounts
const nowSignsIn = (name: string) => {
  stage.authorization.state.accountId = name
  stage.authorization.state.claims = { email: `${name}@example.com`, name }
}
/** A bridge whose tab is open, and nothing is done in it. */
const waitingHost = async (...more: string[]) => {
  const host = stage.host(more, { PERSON: 'absent' })
  const initialized = host.initialize()
  initialized.catch(() => undefined)
  await stage.untilTabs(1)
  return { host, initialized, tab: new URL(stage.tabs()[0]?.[0] ?? '') }
}
const REPLACES = /this one replaces it/
const ALREADY_PENDING = /already pending/

describe('a sign-in that already waits', () => {
  test('is superseded by login --account: its tab no longer works, and the bridge waits for the new one', async () => {
    const { host, initialized, tab } = await waitingHost()
    const running = login('--account', 'alice@example.com')
    await running.says(REPLACES)
    const address = await addressOf(running)
    expect(address.searchParams.get('login_hint')).toBe('alice@example.com')
    expect(address.searchParams.get('state')).not.toBe(tab.searchParams.get('state'))
    const oldTab = `${stage.callbackUrl}?code=x&state=${tab.searchParams.get('state')}`
    // The port passes from the process of the old sign-in to that of the new one.
    const old = await until('an answer to the old tab', () => fetch(oldTab).catch(() => undefined))
    expect(old.status).toBe(400)
    await stage.visit(address.href)
    expect(await running.exited).toBe(0)
    expect((await initialized).result).toBeDefined()
    expect(stage.tabs()).toHaveLength(1)
    await host.close()
  })

  test('gives login --account nobody else: another account that signs in is refused for it and for the bridge', async () => {
    const { host, initialized } = await waitingHost()
    const running = login('--account', 'bob@example.com')
    await running.says(REPLACES)
    await stage.visit((await addressOf(running)).href)
    expect(await running.exited).toBe(3)
    await initialized
    const { error } = await host.request('resources/subscribe', { uri: 'test://any' })
    expect(error.data.code).toBe('account_mismatch')
    expect(await accounts()).toEqual([])
    await host.close()
  })

  test.each([
    ['--scope', 'mcp:tools openid', 'scope', 'mcp:tools openid'],
    ['--client-id', 'by-hand', 'client_id', 'by-hand'],
    ['--resource', 'none', 'resource', null],
    ['--authorize-param', 'prompt=consent', 'prompt', 'consent'],
    ['--header', 'X-Team: core', undefined, undefined],
  ])('is superseded by login %s', async (flag, value, parameter, sent) => {
    const { host, tab } = await waitingHost()
    const running = login(flag, value)
    await running.says(REPLACES)
    const address = await addressOf(running)
    expect(address.searchParams.get('state')).not.toBe(tab.searchParams.get('state'))
    if (parameter !== undefined) expect(address.searchParams.get(parameter)).toBe(sent)
    await host.close()
  })

  test('is superseded by login --callback-url, which listens at that address', async () => {
    const { host, initialized } = await waitingHost()
    const other = `http://localhost:${await freePort()}/auth/callback`
    const running = stage.start(['login', stage.server.url, '--no-browser', '--callback-url', other])
    const address = await addressOf(running)
    expect(address.searchParams.get('redirect_uri')).toBe(other)
    await stage.visit(address.href)
    expect(await running.exited).toBe(0)
    expect((await initialized).result).toBeDefined()
    await host.close()
  })

  test('with the same wishes is joined, and one sign-in serves both', async () => {
    const one = login('--account', 'alice@example.com', '--scope', 'openid email mcp:tools')
    const address = await addressOf(one)
    const other = login('--scope', 'mcp:tools email openid', '--account', 'alice@example.com')
    await other.says(ALREADY_PENDING)
    expect((await addressOf(other)).href).toBe(address.href)
    await stage.visit(address.href)
    expect(await Promise.all([one.exited, other.exited])).toEqual([0, 0])
    expect(stage.authorization.counts.codeGrants).toBe(1)
  })

  test('of a bridge with more options is joined by a login without options', async () => {
    const { host, initialized, tab } = await waitingHost('--scope', 'mcp:tools openid')
    const running = login()
    await running.says(ALREADY_PENDING)
    expect((await addressOf(running)).href).toBe(tab.href)
    await stage.visit(tab.href)
    expect(await running.exited).toBe(0)
    expect((await initialized).result).toBeDefined()
    await host.close()
  })

  test.each([[[]], [['--device']]])(
    'for one account fails when a login for another account replaces it: %j',
    async (how) => {
      const one = login('--account', 'alice@example.com', ...how)
      await one.says(/http\S+/)
      const other = login('--account', 'bob@example.com')
      await other.says(REPLACES)
      await one.says(/replaced this one/)
      nowSignsIn('bob')
      await stage.visit((await addressOf(other)).href)
      expect(await other.exited).toBe(0)
      expect(await one.exited).toBe(3)
      expect(await accounts()).toMatchObject([{ email: 'bob@example.com' }])
    },
  )

  test('for an account is superseded by a login for any account, also when its process was killed', async () => {
    const one = login('--account', 'nobody@example.com')
    await addressOf(one)
    one.child.kill('SIGKILL')
    await one.exited
    const other = login()
    await other.says(REPLACES)
    const address = await addressOf(other)
    // The port is taken over when the lease of the dead one has run out.
    await stage.untilCallbackPortAnswers()
    await stage.visit(address.href)
    expect(await other.exited).toBe(0)
  })
})

describe('somebody who is already signed in', () => {
  test('does not prevent login --account of another account, nor a scope that was never requested', async () => {
    const here = ['--callback-url', stage.callbackUrl]
    expect((await stage.command(['login', stage.server.url, '--scope', 'openid email', ...here])).code).toBe(0)
    const same = await stage.command(['login', stage.server.url, '--account', 'ALICE@example.com', ...here])
    expect(same).toMatchObject({ code: 0, stderr: expect.stringContaining('Already signed in') })
    const wider = await stage.command(['login', stage.server.url, '--scope', 'openid mcp:tools', ...here])
    expect(wider).toMatchObject({ code: 0, stderr: expect.stringContaining('Signed in to') })
    expect(new URL(stage.tabs().at(-1)?.[0] ?? '').searchParams.get('scope')).toContain('mcp:tools')
    nowSignsIn('bob')
    const other = await stage.command(['login', stage.server.url, '--account', 'bob@example.com', ...here])
    expect(other).toMatchObject({ code: 0, stderr: expect.stringContaining('as bob@example.com') })
  })
})

test('wishes are in no row of a sign-in in plain text', async () => {
  const running = login('--account', 'carol@example.com', '--header', 'X-Key: canary-of-a-header')
  await addressOf(running)
  const { readFileSync } = await import('node:fs')
  const files = ['oauth.db', 'oauth.db-wal'].map((name) => readFileSync(`${stage.home}/bridge/${name}`, 'latin1'))
  expect(files.join('')).not.toMatch(/carol|canary-of-a-header/)
})
