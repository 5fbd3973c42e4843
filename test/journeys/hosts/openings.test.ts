// The first minute by host: the openings and bounds that were seen in five of them, against a server that is quick, slow, dead or
// locked. In each: what the model can see in its first turn, what the person can see then, and what follows the sign-in.
import { afterEach, describe, expect, test } from 'vitest'
import { createGate } from '../../fakes/gate.ts'
import { HOST_SCRIPTS, open, whereTo } from '../../servers/hostScripts.ts'
import { startStage } from '../../servers/stage.ts'

let stage: Awaited<ReturnType<typeof startStage>>
afterEach(() => stage?.close())

interface Answer {
  readonly result?: { readonly content: readonly { readonly text: string }[] }
  readonly error?: object
}

const ABSENT = { PERSON: 'absent' }
const TO_OUR_CALLBACK = () => ['--callback-url', stage.callbackUrl]
const login = () => stage.command(['login', stage.server.url, ...TO_OUR_CALLBACK()])
const logout = () => stage.command(['logout', stage.server.url, ...TO_OUR_CALLBACK()])

/** The bridge as it is shipped, in a host as it was watched; whoever sits before it looks at a tab when `visit` is called. */
const host = (person: NodeJS.ProcessEnv = ABSENT) =>
  stage.host(['--config', stage.config('login: { mode: auto }\n', 'shipped.yaml')], person)

/** The server answers nothing until it is let go. */
function slow() {
  const gate = createGate()
  stage.server.state.until = gate.passed
  return () => gate.open()
}

const text = ({ result, error }: Answer): string => {
  expect(error).toBeUndefined()
  return result?.content[0]?.text ?? ''
}
const firstTab = async () => (await stage.untilTabs(1))[0]?.[0] ?? ''

describe.each(HOST_SCRIPTS.map((script) => [script.title, script] as const))('%s', (_, script) => {
  /** A run of the same host before this one; gives the names of the tools. */
  const before = async () => {
    const { tools } = await open(script, host({}))
    await login()
    const again = host({})
    const opened = await open(script, again)
    expect(tools.size).toBeGreaterThan(0)
    await again.close()
    return [...opened.tools.keys()]
  }

  test('signed in, a quick server: its tools and nothing else are in the first turn, and no tab opens', async () => {
    stage = await startStage()
    await login()
    const opened = await open(script, host())
    expect(opened.tools.has('echo')).toBe(true)
    expect(opened.tools.has('sign_in')).toBe(false)
    expect(text(await opened.call('echo', { message: 'x' }))).toBe('Echo: x')
    expect(stage.tabs()).toHaveLength(1)
  })

  test('signed in, a slow server that is known: the first turn has its tools before it is let go, and a call made then is answered', async () => {
    stage = await startStage()
    const known = await before()
    const letGo = slow()
    const opened = await open(script, host())
    expect([...opened.tools.keys()]).toEqual(known)
    const call = opened.call('echo', { message: 'late' })
    letGo()
    expect(text(await call)).toBe('Echo: late')
  })

  test('signed in, a slow server that is not known: the host is not kept waiting, and the first list is the server’s own', async () => {
    stage = await startStage()
    await login()
    const letGo = slow()
    const started = host()
    const opening = open(script, started)
    expect((await started.hear(({ result }) => result?.serverInfo)).result.serverInfo.name).toBe('mcp-oauth-bridge')
    letGo()
    const { tools } = await opening
    expect(tools.has('echo')).toBe(true)
    expect(tools.has('sign_in')).toBe(false)
  })

  test('signed in, a dead server that is known: its tools are there, and a call says why it is not answered', async () => {
    stage = await startStage()
    const known = await before()
    await stage.server.close()
    const opened = await open(script, host())
    expect([...opened.tools.keys()]).toEqual(expect.arrayContaining(known))
    expect((await opened.call('echo', { message: 'x' })).error.message).toMatch(/cannot be reached: ECONNREFUSED/)
  })

  test('a dead server that is not known: the host starts, and the one tool says why', async () => {
    stage = await startStage()
    await stage.server.close()
    const opened = await open(script, host())
    expect([...opened.tools.keys()]).toEqual(['sign_in'])
    expect(opened.tools.get('sign_in')).toMatch(/cannot be reached: ECONNREFUSED/)
    expect(text(await opened.call('sign_in'))).toMatch(/cannot be reached: ECONNREFUSED/)
  })

  test('nobody signed in: the model has sign_in, the person has a tab, and after it the tools are there', async () => {
    stage = await startStage()
    const opened = await open(script, host())
    expect([...opened.tools.keys()]).toEqual(['sign_in'])
    const tab = await firstTab()
    const signingIn = opened.call('sign_in')
    const news = opened.news()
    await stage.visit(tab)
    await news
    const said = text(await signingIn)
    expect(said).toMatch(/^You are signed in as /)
    expect(said.includes('restart')).toBe(!script.reloads)
    expect(opened.tools.has('echo')).toBe(script.reloads)
    expect(opened.tools.has('sign_in')).toBe(!script.reloads)
    expect(text(await opened.call('echo', { message: 'x' }))).toBe('Echo: x')
    expect(stage.tabs()).toHaveLength(1)
  })

  test('nobody signed in, a server that is known: its tools are there, a call shows where to sign in and is then carried out', async () => {
    stage = await startStage()
    const known = await before()
    await logout()
    const tabs = stage.tabs().length
    const started = host()
    const opened = await open(script, started)
    expect([...opened.tools.keys()]).toEqual([...known, 'sign_in'])
    const call = opened.call('echo', { message: 'after all' })
    const tab = (await stage.untilTabs(tabs + 1)).at(-1)?.[0] ?? ''
    if (script.showsProgress) {
      const shown = await started.hear(({ method }) => method === 'notifications/progress')
      expect(shown.params).toMatchObject({
        progressToken: expect.stringMatching(/^p\d/),
        message: expect.stringContaining(tab),
      })
    }
    if (script.elicitation) expect(await opened.asked()).toBe(tab)
    await stage.visit(tab)
    expect(text(await call)).toBe('Echo: after all')
    await opened.news()
    expect([...opened.tools.keys()]).toEqual(script.reloads ? known : [...known, 'sign_in'])
    expect(stage.tabs()).toHaveLength(tabs + 1)
  })

  test('a sign-in that the person denies: the model reads why, and the next call carries an address that signs in', async () => {
    stage = await startStage({ person: 'deny' })
    const opened = await open(script, host())
    const news = opened.news()
    await stage.visit(await firstTab())
    await news
    if (script.reloads) expect(opened.tools.get('sign_in')).toMatch(/The person said no/)
    stage.authorization.state.person = 'approve'
    const { words, address } = whereTo(await opened.callOnce('echo', { message: 'x' }))
    expect(words).toMatch(/^The last sign-in failed: .*The person said no/)
    await stage.visit(address)
    expect(text(await opened.call('echo', { message: 'now' }))).toBe('Echo: now')
    expect(stage.tabs()).toHaveLength(1)
  })

  test('a login process that is killed: the tab that is open signs in all the same', async () => {
    stage = await startStage()
    const opened = await open(script, host())
    const tab = await firstTab()
    const [killed = 0] = stage.loginProcesses()
    const news = opened.news()
    process.kill(killed, 'SIGKILL')
    await stage.untilCallbackPortAnswersAgain(killed)
    await stage.visit(tab)
    await news
    expect(opened.tools.has('echo')).toBe(script.reloads)
    expect(text(await opened.call('echo', { message: 'x' }))).toBe('Echo: x')
    expect(stage.tabs()).toHaveLength(1)
  })
})
