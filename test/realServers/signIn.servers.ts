// What is promised about every server, on real ones: the first sign-in, the second start, and all that can happen to tokens and clients.
import { describe, expect, test as plain } from 'vitest'
import { until } from '../servers/until.ts'
import { type RealServer, startRealStage } from './realServer.ts'
import { SERVERS } from './realServers.ts'

type Stage = Awaited<ReturnType<typeof startRealStage>>
type Host = ReturnType<Stage['host']>

describe.concurrent.each(SERVERS.map((server) => [server.title, server] as const))('%s', (_, kind: RealServer) => {
  const test = plain.extend<{ begin: (accessSeconds?: number) => Promise<Stage> }>({
    // biome-ignore lint/correctness/noEmptyPattern: vitest wants the pattern
    begin: async ({}, use) => {
      const stages: Stage[] = []
      await use(async (accessSeconds) => {
        const stage = await startRealStage(kind, accessSeconds === undefined ? {} : { accessSeconds })
        stages.push(stage)
        return stage
      })
      for (const stage of stages) await stage.close()
    },
  })

  /** A host that has met the server. */
  async function meet(stage: Stage): Promise<Host> {
    const host = stage.host()
    const { result, error } = await host.initialize()
    if (error || result.serverInfo.name === 'mcp-oauth-bridge')
      throw new Error(`${JSON.stringify(error ?? result)}\n${host.stderr}\n${trail(stage)}`)
    return host
  }
  async function call(host: Host, message = 'hello'): Promise<string> {
    const { result, error } = await host.request('tools/call', { name: 'echo', arguments: { message } })
    return error ? `${error.message} ${JSON.stringify(error.data)}` : result.content[0].text
  }
  const trail = (stage: Stage) =>
    stage.server.answered.map(({ method, path, status }) => `${method} ${path} ${status}`).join('\n')
  const signedIn = async (stage: Stage) => {
    const host = await meet(stage)
    await call(host)
    return host
  }

  /** Where no program can see that its client is forgotten, a person does it. */
  const restart = async (stage: Stage) => {
    await stage.server.restart()
    if (kind.hidesForgotten) expect((await stage.command('login', '--force')).code).toBe(0)
  }

  test('the first sign-in: one registration, one tab, and a call is answered', async ({ begin, expect }) => {
    const stage = await begin()
    const host = await meet(stage)
    expect(await call(host)).toBe('Echo: hello')
    expect([stage.tabs(), stage.registrations()]).toEqual([1, 1])
    expect(host.rubbish).toEqual([])
    expect(await host.close()).toBe(0)
  })

  test('a second start needs no person, and no refresh', async ({ begin, expect }) => {
    const stage = await begin()
    await (await signedIn(stage)).close()
    const before = stage.tokenRequests()
    expect(await call(await meet(stage))).toBe('Echo: hello')
    expect([stage.tabs(), stage.registrations(), stage.tokenRequests()]).toEqual([1, 1, before])
  })

  if (!kind.longLived)
    test('short-lived tokens are refreshed before they end: every call is answered, without a person', async ({
      begin,
      expect,
    }) => {
      const stage = await begin(2)
      const host = await signedIn(stage)
      const before = stage.tokenRequests()
      await until('two refreshes', async () => {
        expect(await call(host)).toBe('Echo: hello')
        return stage.tokenRequests() >= before + 2
      })
      expect([stage.tabs(), stage.registrations()]).toEqual([1, 1])
    })

  test('an access token that is taken back is refreshed, and the call answered, without a person', async ({
    begin,
    expect,
  }) => {
    const stage = await begin()
    const host = await signedIn(stage)
    await stage.server.expire()
    expect(await call(host)).toBe('Echo: hello')
    expect(await call(host)).toBe('Echo: hello')
    expect([stage.tabs(), stage.registrations()]).toEqual([1, 1])
  })

  test('two bridges at once share one sign-in and one refresh', async ({ begin, expect }) => {
    const stage = await begin()
    const hosts = await Promise.all([meet(stage), meet(stage)])
    expect(await Promise.all(hosts.map((host) => call(host)))).toEqual(['Echo: hello', 'Echo: hello'])
    expect([stage.tabs(), stage.registrations()]).toEqual([1, 1])
    const before = stage.tokenRequests()
    await stage.server.expire()
    expect(await Promise.all(hosts.map((host) => call(host)))).toEqual(['Echo: hello', 'Echo: hello'])
    expect([stage.tabs(), stage.tokenRequests()]).toEqual([1, before + 1])
  })

  test('tokens that are revoked: the next call leads to a sign-in with the same client, and is answered', async ({
    begin,
    expect,
  }) => {
    const stage = await begin()
    const host = await signedIn(stage)
    await stage.server.revoke()
    expect(await call(host)).toBe('Echo: hello')
    expect([stage.tabs(), stage.registrations()]).toEqual([2, 1])
  })

  test('a server that was restarted and knows nobody: the next call leads to a sign-in, and is answered', async ({
    begin,
    expect,
  }) => {
    const stage = await begin()
    const host = await signedIn(stage)
    await restart(stage)
    expect(await call(host)).toBe('Echo: hello')
    expect(stage.registrations()).toBe(2)
    expect(await call(await meet(stage))).toBe('Echo: hello')
    expect(stage.registrations()).toBe(2)
  })

  test('a server that was restarted while no bridge ran: the next start leads to a sign-in', async ({
    begin,
    expect,
  }) => {
    const stage = await begin()
    await (await signedIn(stage)).close()
    await restart(stage)
    expect(await call(await meet(stage))).toBe('Echo: hello')
    expect(stage.registrations()).toBe(2)
  })

  test('login --force signs in anew, and a running bridge goes on', async ({ begin, expect }) => {
    const stage = await begin()
    const host = await signedIn(stage)
    const { code, stderr } = await stage.command('login', '--force')
    expect(code, stderr).toBe(0)
    expect(stage.tabs()).toBe(2)
    expect(await call(host)).toBe('Echo: hello')
    expect(stage.tabs()).toBe(2)
  })

  test('login --force after a restart signs in with a new client', async ({ begin, expect }) => {
    const stage = await begin()
    await (await signedIn(stage)).close()
    await stage.server.restart()
    const { code, stderr } = await stage.command('login', '--force')
    expect(code, stderr).toBe(0)
    expect(stage.registrations()).toBe(2)
    expect(await call(await meet(stage))).toBe('Echo: hello')
  })

  test('logout ends the sign-in here and, where the server can, there; the next start signs in', async ({
    begin,
    expect,
  }) => {
    const stage = await begin()
    await (await signedIn(stage)).close()
    const { code, stderr } = await stage.command('logout')
    expect(code, stderr).toBe(0)
    if (kind.revoke) expect(stage.server.answered).toContainEqual({ method: 'POST', path: kind.revoke, status: 200 })
    expect(await call(await meet(stage))).toBe('Echo: hello')
    expect(stage.tabs()).toBe(2)
  })

  test('doctor finds no fault, before the sign-in and after it', async ({ begin, expect }) => {
    const stage = await begin()
    const looks = async () => {
      const { stdout, stderr } = await stage.command('doctor', '--json')
      const { checks } = JSON.parse(stdout || 'null') ?? { checks: [stderr] }
      return checks.filter(({ status }: { status?: string }) => status === 'fail' || status === undefined)
    }
    expect(await looks()).toEqual([])
    await (await signedIn(stage)).close()
    expect(await looks()).toEqual([])
    expect([stage.tabs(), stage.registrations()]).toEqual([1, 1])
  })
})
