// Sign-in by device code (RFC 8628) with a real authorization server: the person types the code in a browser somewhere else.
import { afterEach, beforeEach, expect, test } from 'vitest'
import { typeDeviceCode } from '../servers/deviceBrowser.ts'
import { startStage } from '../servers/stage.ts'
import { until } from '../servers/until.ts'

let stage: Awaited<ReturnType<typeof startStage>>
beforeEach(async () => {
  stage = await startStage({ features: { deviceFlow: { enabled: true } } })
})
afterEach(() => stage.close())

const start = (...more: string[]) =>
  stage.start(['login', stage.server.url, '--device', '--callback-url', stage.callbackUrl, ...more])
const shown = async (running: ReturnType<typeof start>) => {
  const text = await running.says(/Open this address[\s\S]*Waiting for you/)
  const [, address = '', code = ''] = /any device: {2}(\S+)\nand enter this code: {2}(\S+)\n/.exec(text) ?? []
  return { address, code, text }
}
const status = async () => JSON.parse((await stage.command(['status', '--json'])).stdout).accounts

test('login --device shows address and code, opens no browser, and the tokens serve the bridge', async () => {
  const running = start()
  const { address, code, text } = await shown(running)
  expect(address).toBe(`${stage.authorization.issuer}/device`)
  expect(code).toMatch(/^[A-Z]{4}-[A-Z]{4}$/)
  expect(text).not.toContain('█')
  await typeDeviceCode(address, code)
  expect(await running.exited).toBe(0)
  expect(stage.tabs()).toEqual([])
  expect(await status()).toMatchObject([{ state: 'signed_in', email: 'alice@example.com', refreshable: true }])
  const host = stage.host()
  expect(await host.isMet()).toBe(true)
  expect(stage.server.state.passed[0]?.headers).toMatchObject({ 'x-user-email': 'alice@example.com' })
  await host.close()
})

test('if the person denies, it ends as access_denied, and nothing is stored', async () => {
  stage.authorization.state.person = 'deny'
  const running = start()
  const { address, code } = await shown(running)
  await typeDeviceCode(address, code)
  expect(await running.exited).toBe(3)
  expect(await status()).toEqual([])
})

test('login --device --account refuses the tokens of another account', async () => {
  const running = start('--account', 'bob@example.com')
  const { address, code } = await shown(running)
  await typeDeviceCode(address, code)
  expect(await running.exited).toBe(3)
  expect(await status()).toEqual([])
})

test('a bridge that waits for a sign-in continues after one by device code, and opens no second one', async () => {
  const running = start()
  const { address, code } = await shown(running)
  const host = stage.host()
  const initialized = host.initialize()
  await until(
    'a refused start',
    () => stage.server.state.refused >= 2,
    () => host.stderr,
  )
  await typeDeviceCode(address, code)
  expect((await initialized).result).toBeDefined()
  expect(await running.exited).toBe(0)
  expect(stage.tabs()).toEqual([])
  await host.close()
})

test('a sign-in that waits in a browser is completed by device code, and its login process ends', async () => {
  const host = stage.host([], { PERSON: 'absent' })
  const initialized = host.initialize()
  await stage.untilTabs(1)
  const running = start()
  const { address, code } = await shown(running)
  await typeDeviceCode(address, code)
  expect(await running.exited).toBe(0)
  expect((await initialized).result).toBeDefined()
  await stage.callbackPortIsFree()
  await host.close()
})

test('a server without a device endpoint is device_unsupported', async () => {
  const plain = await startStage()
  const { code, stderr } = await plain.command([
    'login',
    plain.server.url,
    '--device',
    '--callback-url',
    plain.callbackUrl,
  ])
  await plain.close()
  expect(code).toBe(3)
  expect(stderr).toContain('device_unsupported')
})

test('without a browser, address and device code are offered together; the code completes the sign-in and frees the port', async () => {
  const running = stage.start(['login', stage.server.url, '--no-browser', '--callback-url', stage.callbackUrl])
  const text = await running.says(/http\S+[\s\S]*any device[\s\S]*enter this code: {2}\S+\n/)
  const [, address = '', code = ''] = /any device: {2}(\S+)\nand enter this code: {2}(\S+)\n/.exec(text) ?? []
  await typeDeviceCode(address, code)
  expect(await running.exited).toBe(0)
  await stage.callbackPortIsFree()
  expect(await status()).toMatchObject([{ state: 'signed_in' }])
})

test('without a browser, the address completes the sign-in although a device code was offered too', async () => {
  const running = stage.start(['login', stage.server.url, '--no-browser', '--callback-url', stage.callbackUrl])
  const text = await running.says(/^http\S+[\s\S]*enter this code/m)
  await stage.visit(/^http\S+/m.exec(text)?.[0] ?? '')
  expect(await running.exited).toBe(0)
  expect(await status()).toMatchObject([{ state: 'signed_in' }])
})
