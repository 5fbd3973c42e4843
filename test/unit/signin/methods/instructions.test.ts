// What a person is told who opens the address on their own.
import { expect, test } from 'vitest'
import type { DesktopFacts } from '../../../../src/signin/deps.ts'
import { type Instructions, instructions } from '../../../../src/signin/methods/instructions.ts'

const HERE: DesktopFacts = { ssh: false, container: false, browser: 'none' }
const url = new URL('https://as.example/authorize?x=y')

const told = (options: Partial<Instructions>) =>
  instructions({
    url,
    redirectUri: 'http://localhost:8123/auth/callback',
    desktop: HERE,
    environment: {},
    answers: 'pasted',
    ...options,
  })

test('the address stands on a line of its own', () => {
  expect(told({}).split('\n')).toContain(url.href)
  expect(told({})).not.toContain('ssh')
})

test('over SSH the line that forwards the real port to this machine can be copied', () => {
  const environment = { USER: 'alice', SSH_CONNECTION: '192.0.2.1 51000 192.0.2.7 22' }
  expect(told({ desktop: { ...HERE, ssh: true }, environment }).split('\n')).toContain(
    '  ssh -L 8123:localhost:8123 alice@192.0.2.7',
  )
})

test.each([
  [{}, 'this-host'],
  [{ USER: 'alice' }, 'alice@this-host'],
  [{ LOGNAME: 'bob', SSH_CONNECTION: '2001:db8::1 5 2001:db8::2 22' }, 'bob@2001:db8::2'],
  [{ SSH_CONNECTION: '1 2 $(id) 4' }, 'this-host'],
])('where the environment is %j it names %s', (environment, name) => {
  expect(told({ desktop: { ...HERE, ssh: true }, environment })).toContain(`ssh -L 8123:localhost:8123 ${name}\n`)
})

test('a port that is not written is 80', () => {
  const text = told({ desktop: { ...HERE, ssh: true }, redirectUri: 'http://127.0.0.1/auth/callback' })
  expect(text).toContain('ssh -L 80:127.0.0.1:80 ')
})

test('who cannot paste here is told where', () => {
  expect(told({ answers: 'callback only' })).toContain('mcp-oauth-bridge login')
  expect(told({ answers: 'pasted' })).not.toContain('mcp-oauth-bridge login')
})
