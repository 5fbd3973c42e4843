// Hosts that know server/discover, in every order that was seen, against a server of either era that is quick, slow, locked or down: each
// request is answered exactly once, and no session, tab or sign-in is left behind.
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createGate } from '../../fakes/gate.ts'
import type { Host } from '../../servers/hostScripts.ts'
import { connectSdkHost } from '../../servers/modernHosts.ts'
import { speakModern } from '../../servers/modernScript.ts'
import { startModernServer } from '../../servers/modernServers.ts'
import { OPENINGS } from '../../servers/openings.ts'
import { startStage } from '../../servers/stage.ts'
import { until } from '../../servers/until.ts'

let stage: Awaited<ReturnType<typeof startStage>>
let modern: Awaited<ReturnType<typeof startModernServer>>
beforeEach(async () => {
  stage = await startStage()
  modern = await startModernServer('modern')
})
afterEach(async () => {
  await stage.close()
  await modern.close()
})

const ABSENT = { PERSON: 'absent' }
const shipped = () => ['--config', stage.config('login: { mode: auto }\n', 'shipped.yaml')]
const host = () => stage.host(shipped(), ABSENT)
const login = () => stage.command(['login', stage.server.url, '--callback-url', stage.callbackUrl])
const logout = () => stage.command(['logout', stage.server.url, '--callback-url', stage.callbackUrl])
const NOTHING = () => undefined

/** A host has opened the server before, so that it is known. */
async function before() {
  await login()
  const known = host()
  await OPENINGS.rmcp?.(known)
  await known.close()
  return NOTHING
}

/** Each gives what ends it. */
const SITUATIONS: Readonly<Record<string, () => Promise<() => void>>> = {
  'signed in, known': before,
  'signed in, never opened': () => login().then(() => NOTHING),
  async 'signed in, known and slow'() {
    await before()
    const gate = createGate()
    stage.server.state.until = gate.passed
    return gate.open
  },
  'nobody signed in, nothing known': async () => NOTHING,
  'nobody signed in, known': () =>
    before()
      .then(logout)
      .then(() => NOTHING),
  async 'signed in, known and down'() {
    await before()
    await stage.server.close()
    return NOTHING
  },
  'down, nothing known': () => stage.server.close().then(() => NOTHING),
}

/** The ids of the answers that it has got, of which none came twice. */
function answersTo(started: Host): unknown[] {
  const ids = started.heard.filter(({ id, method }) => id !== undefined && method === undefined).map(({ id }) => id)
  expect(new Set(ids).size).toBe(ids.length)
  expect(started.rubbish).toEqual([])
  return ids
}

/** Sessions of a server of 2025 that were begun and not ended. */
function leftSessions(): number {
  const count = (wanted: string) =>
    stage.server.state.passed.filter(({ method, rpc }) => `${method} ${rpc}`.trim() === wanted).length
  return count('POST initialize') - count('DELETE')
}

describe.each([
  ['2026', () => modern.url],
  ['2025', () => stage.everything.url],
])('a server of %s', (era, target) => {
  beforeEach(() => {
    stage.server.state.target = target()
  })

  test.each(Object.entries(SITUATIONS))('is opened by five hosts at once: %s', async (situation, prepare) => {
    const letGo = await prepare()
    const tabs = stage.tabs().length
    const opened = await Promise.all(
      Object.entries(OPENINGS).map(async ([title, opening]) => {
        const started = host()
        const { tools, ask } = await opening(started).catch((cause: unknown) => {
          throw new Error(`${title}: ${started.lines.join('\n')}`, { cause })
        })
        return { title, started, tools, ask }
      }),
    )
    expect(opened.filter(({ tools }) => tools.length === 0).map(({ title }) => title)).toEqual([])
    const known = situation.startsWith('signed in') ? ['echo'] : ['sign_in']
    for (const { title, tools } of opened)
      expect([title, tools.map(({ name }) => name)]).toEqual([title, expect.arrayContaining(known)])
    letGo()
    for (const { started, ask } of opened) {
      await ask('tools/list')
      answersTo(started)
    }
    expect(await Promise.all(opened.map(({ started }) => started.close()))).toEqual(opened.map(() => 0))
    expect(stage.tabs().length - tabs).toBeLessThanOrEqual(situation === 'nobody signed in, nothing known' ? 1 : 0)
    if (era === '2025') await until('the end of every session', () => leftSessions() === 0, leftSessions)
  })

  test.each(Object.entries(SITUATIONS))(
    'is asked by a process that only wants to know what it is: %s',
    async (_, prepare) => {
      const letGo = await prepare()
      const tabs = stage.tabs().length
      const started = host()
      await speakModern(started, {}, 'a probe').discover()
      expect(await started.close()).toBe(0)
      letGo()
      expect(answersTo(started)).toEqual([1])
      expect(stage.tabs()).toHaveLength(tabs)
      expect(stage.loginProcesses()).toEqual([])
      if (era === '2025') await until('the end of every session', () => leftSessions() === 0, leftSessions)
    },
  )

  test.each(['auto', 'pinned'] as const)(
    'is opened by SDK v2 %s, which probes in a process of its own',
    async (kind) => {
      await login()
      const tabs = stage.tabs().length
      const words = [stage.server.url, '--callback-url', stage.callbackUrl, ...shipped()]
      const where = { words, environment: { ...stage.environment, ...ABSENT } }
      const connect = () => connectSdkHost(kind, where)
      // A server of 2025 refuses the first question of every host: one that says nothing more speaks 2026 only.
      if (kind === 'pinned' && era === '2025') await expect(connect()).rejects.toThrow()
      const started = await connect()
      expect(started.isModern).toBe(kind === 'pinned' || era === '2026')
      const { tools } = await started.client.listTools()
      expect(tools.map(({ name }: { name: string }) => name)).toContain('echo')
      await started.close()
      await until('the end of every bridge', () => stage.commandLines().length === 0, stage.commandLines)
      expect(stage.tabs()).toHaveLength(tabs)
    },
  )
})
