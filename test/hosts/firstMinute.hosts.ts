// The first minute in real hosts, with the entry that `install` writes and a model that follows a script: what it sees in its first turn, and what its calls bring.
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type Script, type ScriptedModel, startScriptedModel, type Turn, toolNamed } from '../servers/scriptedModel.ts'
import { startStage } from '../servers/stage.ts'
import { HOSTS, installHosts, type RealHost, takeTurn, versionOf } from './realHosts.ts'

let model: ScriptedModel
let stage: Awaited<ReturnType<typeof startStage>>

beforeAll(async () => {
  await installHosts()
  for (const host of HOSTS) process.stdout.write(`${host.title} ${versionOf(host)}\n`)
  model = await startScriptedModel()
})
afterAll(() => model?.close())
beforeEach(async () => {
  stage = await startStage()
})
afterEach(() => stage.close())

/** One turn, in which the model follows the script; gives its requests. */
async function turn(host: RealHost, script: Script, args: readonly string[] = []): Promise<readonly Turn[]> {
  // Not every host hands on its variables: the browser stands in the config file.
  const { HOME, PERSON_LOG } = stage.environment
  const browser = stage.opener(`PERSON_LOG='${PERSON_LOG}' exec '${process.execPath}' "$SOMEBODY" "$1"`)
  stage.config(`browser: ${browser}\ncallback_url: ${stage.callbackUrl}\n`)
  const install = async (name: string, env: NodeJS.ProcessEnv) => {
    const words = ['install', name, stage.server.url, '--name', 'bridge', '--yes', ...args]
    const { code, stderr } = await stage.command(words, env)
    expect(code, stderr).toBe(0)
  }
  model.follow(script)
  const { code, stderr } = await takeTurn(host, {
    prompt: 'Begin.',
    home: HOME,
    model: model.origin,
    install,
  })
  expect(code, stderr).toBe(0)
  return [...model.turns]
}

/** Calls the tool once, if it is offered, and ends the turn after its result. */
const calling =
  (name: string, args: object = {}): Script =>
  (at) => {
    const call = toolNamed(at, name)
    return at.results.length > 0 || call === undefined ? { say: 'That is all.' } : { call, arguments: args }
  }

const echo = calling('echo', { message: 'from the model' })
const offers = (at: Turn | undefined, name: string) => at !== undefined && toolNamed(at, name) !== undefined
const results = (turns: readonly Turn[]) => turns.at(-1)?.results.join('\n') ?? ''
const login = () => stage.command(['login', stage.server.url, '--callback-url', stage.callbackUrl])

/** From now on, whatever the server is asked takes so long; slower than the first turn of some hosts waits. */
function slow(ms: number) {
  Object.defineProperty(stage.server.state, 'until', { get: () => sleep(ms) })
}

describe.each(HOSTS.map((host) => [host.title, host] as const))('%s', (_, host) => {
  test('signed in: the first turn has the tools of the server, and a call is answered', async () => {
    await login()
    const turns = await turn(host, echo)
    expect(offers(turns[0], 'echo')).toBe(true)
    expect(offers(turns[0], 'sign_in')).toBe(false)
    expect(results(turns)).toContain('Echo: from the model')
  })

  test('nobody signed in: the first turn has sign_in, a call to it signs in, and after that the tools are there', async () => {
    const turns = await turn(host, calling('sign_in'), ['--login', 'on-call'])
    expect(offers(turns[0], 'sign_in')).toBe(true)
    expect(stage.tabs()).toHaveLength(1)
    expect(results(turns)).toMatch(/You are signed in/)
    if (host.newTools === 'same turn') expect(offers(turns.at(-1), 'echo')).toBe(true)
    if (host.newTools === 'restart') expect(results(turns)).toMatch(/restart/i)
    const next = await turn(host, echo)
    expect(offers(next[0], 'echo')).toBe(true)
    expect(offers(next[0], 'sign_in')).toBe(false)
    expect(results(next)).toContain('Echo: from the model')
  })

  test('a slow server that is known: the first turn has its tools from memory, and a call is answered', async () => {
    await login()
    await turn(host, echo)
    slow(1_500)
    const turns = await turn(host, echo)
    expect(offers(turns[0], 'echo')).toBe(true)
    expect(results(turns)).toContain('Echo: from the model')
  })

  test('a server that is down and unknown: the host starts, and sign_in says why', async () => {
    await stage.server.close()
    const turns = await turn(host, calling('sign_in'))
    const name = turns[0] && toolNamed(turns[0], 'sign_in')
    expect(name && turns[0]?.tools.get(name)).toMatch(/cannot be reached: ECONNREFUSED/)
    expect(results(turns)).toMatch(/cannot be reached: ECONNREFUSED/)
  })

  test('a server that is down and known: its tools are there, and a call says why it is not answered', async () => {
    await login()
    await turn(host, echo)
    await stage.server.close()
    const turns = await turn(host, echo)
    expect(offers(turns[0], 'echo')).toBe(true)
    expect(results(turns)).toMatch(/cannot be reached: ECONNREFUSED/)
  })
})
