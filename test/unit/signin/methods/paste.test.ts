// Pasting at a terminal: what is read, what is said, and that nothing is left behind.
import { PassThrough } from 'node:stream'
import { describe, expect, test } from 'vitest'
import type { CallbackPage } from '../../../../src/records.ts'
import { byPasting } from '../../../../src/signin/methods/paste.ts'
import { createFakeAttemptStore } from '../../../fakes/fakeAttemptStore.ts'
import { codeOf } from '../../../fakes/thrown.ts'

const KEY = { server: 'https://mcp.example/mcp', profile: 'default' }
const { attempt } = await createFakeAttemptStore(() => 0).begin(KEY, { status: 401 }, 1_000)
const ADDRESS = `http://localhost:8080/auth/callback?code=c&state=${attempt.state}`
const later = () => new Promise((resolve) => setImmediate(resolve))

/** A terminal as Node has it: keys arrive one by one once raw mode is on. */
function createTerminal() {
  const raw: boolean[] = []
  const stdin = Object.assign(new PassThrough(), { isTTY: true, setRawMode: (mode: boolean) => void raw.push(mode) })
  return { stdin, raw }
}

function start(
  stdin: PassThrough & { isTTY?: boolean },
  page: CallbackPage = { kind: 'done', server: KEY.server },
  shown = Promise.resolve(),
  state = () => attempt.state,
) {
  const said: string[] = []
  const answered: string[] = []
  const over = new AbortController()
  const way = byPasting({
    stdin,
    shown,
    stateOf: async () => state(),
    say: (text) => void said.push(text),
    answer: async (query) => {
      answered.push(query.toString())
      return page
    },
  })
  return { said, answered, over, ended: way(attempt, over.signal) }
}

describe('pasting', () => {
  test.each([true, false])('hands in the address of this attempt (terminal: %s)', async (terminal) => {
    const stdin = terminal ? createTerminal().stdin : new PassThrough()
    const { said, answered, over, ended } = start(stdin)
    stdin.write(`${ADDRESS}${terminal ? '\r' : '\n'}`)
    while (answered.length === 0) await later()
    expect(answered).toEqual([`code=c&state=${attempt.state}`])
    expect(said).toHaveLength(1)
    over.abort()
    await ended
  })

  test('asks again for what is wrong, and hands nothing in for it', async () => {
    const stdin = new PassThrough()
    const { said, answered, over, ended } = start(stdin)
    stdin.write('SplxlOBeZQQYbYS6WxSbIA\n\n')
    while (said.length < 2) await later()
    stdin.write('http://localhost:8080/auth/callback?code=c&state=other\n')
    while (said.length < 3) await later()
    expect(answered).toEqual([])
    stdin.write(`${ADDRESS}\n`)
    while (answered.length === 0) await later()
    over.abort()
    await ended
    expect(said.join('')).not.toContain('SplxlOBe')
  })

  test('takes an address longer than a terminal’s own line', async () => {
    const { stdin, raw } = createTerminal()
    const { answered, over, ended } = start(stdin)
    const code = 'c'.repeat(20_000)
    stdin.write(`${ADDRESS.replace('code=c', `code=${code}`)}\r`)
    while (answered.length === 0) await later()
    expect(new URLSearchParams(answered[0]).get('code')).toBe(code)
    expect(raw).toEqual([true])
    over.abort()
    await ended
    expect(raw).toEqual([true, false])
  })

  test('ends at once when another way was first, and reads no more', async () => {
    const { stdin } = createTerminal()
    const { over, ended } = start(stdin)
    await later()
    over.abort()
    await ended
    expect(stdin.isPaused()).toBe(true)
  })

  test('before the address is shown says nothing, and can end', async () => {
    const { said, over, ended } = start(new PassThrough(), undefined, new Promise(() => undefined))
    await later()
    over.abort()
    await ended
    expect(said).toEqual([])
  })

  test('ends with its input, and leaves the other ways at it', async () => {
    const stdin = new PassThrough()
    const { ended } = start(stdin)
    stdin.end()
    await ended
  })

  test('at a terminal, Ctrl-C ends the sign-in', async () => {
    const { stdin, raw } = createTerminal()
    const { ended } = start(stdin)
    const code = codeOf(ended)
    while (raw.length === 0) await later()
    stdin.write('\u0003')
    expect(await code).toBe('cancelled')
    expect(raw).toEqual([true, false])
  })

  test('says so when the address was used already', async () => {
    const stdin = new PassThrough()
    const { said, over, ended } = start(stdin, { kind: 'invalid_state' })
    stdin.write(`${ADDRESS}\n`)
    while (said.length < 2) await later()
    expect(said[1]).toContain('already used')
    over.abort()
    await ended
  })

  test('goes on at the next address where the server wants another round, and says it', async () => {
    const stdin = new PassThrough()
    const next = 'https://as.example/authorize?state=round-2'
    let state = attempt.state
    const { said, answered, over, ended } = start(
      stdin,
      { kind: 'again', authorizationUrl: next },
      undefined,
      () => state,
    )
    stdin.write(`${ADDRESS}\n`)
    while (said.length < 2) await later()
    expect(said[1]).toContain(`\n${next}\n`)
    state = 'round-2'
    stdin.write(`${ADDRESS}\n`)
    while (said.length < 3) await later()
    expect(said[2]).toContain('another sign-in')
    stdin.write(`${ADDRESS.replace(attempt.state, 'round-2')}\n`)
    while (answered.length < 2) await later()
    expect(answered[1]).toBe('code=c&state=round-2')
    over.abort()
    await ended
  })
})
