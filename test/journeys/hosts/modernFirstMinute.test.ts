// The first minute of a host that speaks 2026-07-28, with nobody signed in: it starts at once, a call shows where to sign in, and what
// was answered in the server's place is carried out once.
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { META, SHOWS_URLS, speakModern } from '../../servers/modernScript.ts'
import { startModernServer } from '../../servers/modernServers.ts'
import { startStage } from '../../servers/stage.ts'
import { until } from '../../servers/until.ts'

interface Answer {
  readonly result: {
    readonly content: readonly { readonly text: string }[]
    readonly inputRequests: Readonly<Record<string, { readonly params: { readonly url: string } }>>
    readonly requestState: string
  }
}

const CHANGED = 'notifications/tools/list_changed'
const ABSENT = { PERSON: 'absent' }

let stage: Awaited<ReturnType<typeof startStage>>
let server: Awaited<ReturnType<typeof startModernServer>>
beforeEach(async () => {
  stage = await startStage()
  server = await startModernServer('modern')
  stage.server.state.target = server.url
})
afterEach(async () => {
  await stage.close()
  await server.close()
})

/** The bridge as it is shipped, and a person who looks at a tab when `visit` is called. */
const start = (capabilities: object = {}, person: NodeJS.ProcessEnv = ABSENT) => {
  const host = stage.host(['--config', stage.config('login: { mode: auto }\n', 'shipped.yaml')], person)
  return { host, ...speakModern(host, capabilities) }
}
const login = () => stage.command(['login', stage.server.url, '--callback-url', stage.callbackUrl])
const logout = () => stage.command(['logout', stage.server.url, '--callback-url', stage.callbackUrl])
const textOf = ({ result }: Answer): string => result.content[0]?.text ?? ''
/** Where the answer asks to sign in. */
const addressIn = ({ result }: Answer): string => Object.values(result.inputRequests)[0]?.params.url ?? ''
/** As if the question had been before the person for a while. */
function secondsAgo(result: Answer['result']) {
  const [key = '', state = ''] = result.requestState.split('.')
  const { at, ...rest } = JSON.parse(Buffer.from(state, 'base64url').toString())
  return {
    ...result,
    requestState: `${key}.${Buffer.from(JSON.stringify({ at: at - 5_000, ...rest })).toString('base64url')}`,
  }
}
const firstTab = async () => (await stage.untilTabs(1))[0]?.[0] ?? ''

test('the first start ever: discover is answered without a tab, the first request opens one, and after it the tools are there', async () => {
  const { host, discover, tools, listen, unasked } = start()
  const { result } = await discover()
  expect(result).toMatchObject({ supportedVersions: ['2026-07-28'], ttlMs: 0, cacheScope: 'private' })
  expect(stage.tabs()).toEqual([])
  await listen('listen:0')
  expect(await tools()).toEqual(['sign_in'])
  await stage.visit(await firstTab())
  await host.hear(({ method }) => method === CHANGED)
  expect(await tools()).toContain('echo')
  expect(await tools()).not.toContain('sign_in')
  expect(unasked().map(({ method }) => method)).toEqual(['notifications/subscriptions/acknowledged', CHANGED])
  server.change('tools')
  await host.hear((message) => message.method === CHANGED && unasked().length > 2)
  expect(unasked()[2].params._meta[META.subscription]).toBe('listen:0')
  expect(stage.tabs()).toHaveLength(1)
})

test('a call shows the address, waits when it comes again, and is carried out once', async () => {
  const { call, again } = start(SHOWS_URLS)
  const asked = await call('count')
  expect(addressIn(asked)).toBe(await firstTab())
  const retry = again('count', {}, asked.result)
  await stage.visit(addressIn(asked))
  expect(textOf(await retry)).toBe('run 1')
  expect(server.world.runs).toBe(1)
  expect(stage.tabs()).toHaveLength(1)
})

test('ten calls at once are each shown the address, and each is carried out once', async () => {
  const { call, again } = start(SHOWS_URLS)
  const asked = await Promise.all(Array.from({ length: 10 }, () => call('count')))
  const retries = asked.map(({ result }) => again('count', {}, result))
  await stage.visit(await firstTab())
  const counts = (await Promise.all(retries)).map((one) => Number(textOf(one).slice(4)))
  expect(counts.sort((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
  expect(server.world.runs).toBe(10)
  expect(stage.tabs()).toHaveLength(1)
})

test('a person who declines gets the error with the address, and the call is never carried out', async () => {
  const { call, again, tools } = start(SHOWS_URLS)
  const { result } = await call('count')
  const { error } = await again('count', {}, secondsAgo(result), 'decline')
  expect(error.data).toMatchObject({ code: 'sign_in_pending', url: await firstTab() })
  await stage.visit(await firstTab())
  await until('the tools', async () => (await tools()).includes('echo'))
  expect(server.world.runs).toBe(0)
})

test('a host that can show no address gets it in the error and under the call; one that waits gets its answer', async () => {
  const { host, call } = start()
  const waiting = call('echo', { message: 'x' }, { _meta: { progressToken: 'p' } })
  const progress = await host.hear(({ method }) => method === 'notifications/progress')
  expect(progress.params).toMatchObject({ progressToken: 'p', message: expect.stringContaining(await firstTab()) })
  await stage.visit(await firstTab())
  expect(textOf(await waiting)).toContain('x')
})

describe('a server that is known', () => {
  const before = async () => {
    await login()
    const { tools, host } = start({}, {})
    const known = await tools()
    await host.close()
    return known
  }

  test('signed out: discover and lists come from memory at once, without a tab, and a call signs in', async () => {
    const known = await before()
    await logout()
    const { discover, tools, call, again } = start(SHOWS_URLS)
    expect((await discover()).result).toMatchObject({ supportedVersions: ['2026-07-28'], ttlMs: 0 })
    expect(await tools()).toEqual([...known, 'sign_in'])
    expect(stage.tabs()).toHaveLength(1)
    const asked = await call('echo', { message: 'after all' })
    const retry = again('echo', { message: 'after all' }, asked.result)
    await stage.visit(addressIn(asked))
    expect(textOf(await retry)).toContain('after all')
    expect(await tools()).toEqual(known)
  })

  test('down: its tools are there with the reason, and a call says why it is not answered', async () => {
    const known = await before()
    await stage.server.close()
    const { discover, tools, call, listen } = start()
    expect((await discover()).result.capabilities).toHaveProperty('tools')
    await listen('l')
    await until('the reason', async () => (await tools()).includes('sign_in'))
    expect(await tools()).toEqual([...known, 'sign_in'])
    expect((await call('echo', { message: 'x' })).error.message).toMatch(/cannot be reached: ECONNREFUSED/)
  })
})

test('the tool that signs in says who is signed in and what can be used now', async () => {
  const { call, again, tools, listen } = start(SHOWS_URLS)
  await listen('l')
  expect(await tools()).toEqual(['sign_in'])
  const asked = await call('sign_in')
  const retry = again('sign_in', {}, asked.result)
  await stage.visit(addressIn(asked))
  expect(textOf(await retry)).toMatch(/^You are signed in as .*tools are available/)
})

test('a probe process that is killed leaves no tab and no sign-in', async () => {
  const { host, discover } = start()
  await discover()
  host.child.kill('SIGKILL')
  await host.exited
  expect(stage.tabs()).toEqual([])
  expect(stage.loginProcesses()).toEqual([])
})
