// Promise: another user of the machine who reads the address of a sign-in cannot finish it with an account of their own.
import { spawn } from 'node:child_process'
import { afterEach, expect, test } from 'vitest'
import { startStage } from '../servers/stage.ts'

let stage: Awaited<ReturnType<typeof startStage>>
afterEach(() => stage?.close())

/** The same request as a browser makes, from a process of `uid`; `leave`: it does not wait for the answer. */
function asks(address: string, uid: number | undefined, leave: '' | 'end' | 'reset' = ''): Promise<string> {
  const { host, hostname, port, pathname, search } = new URL(address)
  const script = `
    const socket = require('node:net').connect(${port}, '${hostname}')
    socket.on('connect', () => socket.write('GET ${pathname}${search} HTTP/1.1\\r\\nhost: ${host}\\r\\naccept: text/html\\r\\nsec-fetch-mode: navigate\\r\\nsec-fetch-dest: document\\r\\n\\r\\n', () => {
      if ('${leave}' === 'end') socket.destroy()
      if ('${leave}' === 'reset') socket.resetAndDestroy()
    }))
    let text = ''
    socket.on('data', (chunk) => { text += chunk }).on('close', () => process.stdout.write(text)).on('error', () => 0)`
  const child = spawn(process.execPath, ['-e', script], { cwd: '/', env: {}, ...(uid === undefined ? {} : { uid }) })
  let said = ''
  child.stdout.on('data', (chunk) => {
    said += chunk
  })
  return new Promise((resolve, reject) => child.once('error', reject).once('close', () => resolve(said)))
}

const canBeOthers = process.platform === 'linux' && process.getuid?.() === 0

test.skipIf(!canBeOthers)(
  'a callback with the right state from another user is refused, uses up nothing, and the person can still sign in',
  async () => {
    stage = await startStage()
    const login = stage.start(['login', stage.server.url, '--callback-url', stage.callbackUrl, '--no-browser'])
    const address = await login.says(/^http\S+$/m)
    const end = await stage.visitElsewhere(address)
    const nobody = 65534
    expect(await asks(end, nobody)).toMatch(/^HTTP\/1\.1 403 Forbidden\r\n[\s\S]*runs as root: .*--user "/)
    // Whoever needs no answer lets go of the connection before it is looked at.
    for (let time = 0; time < 5; time++) {
      await asks(end, nobody, 'end')
      await asks(end, nobody, 'reset')
    }
    expect(stage.authorization.state.tokenRequests).toBe(0)
    expect(await asks(end, undefined)).toMatch(/^HTTP\/1\.1 200 OK\r\n/)
    expect(await login.exited).toBe(0)
  },
)
