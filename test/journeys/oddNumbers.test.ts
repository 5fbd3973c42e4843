// Numbers and odd values of servers, and large ones of a person, met by the built program.
import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, describe, expect, test } from 'vitest'
import { PROGRAM } from '../servers/host.ts'
import { startProtectedStage } from '../servers/scriptedStage.ts'

type Stage = Awaited<ReturnType<typeof startProtectedStage>>
let stage: Stage
afterEach(() => stage?.close())

const url = () => `${stage.server.origin}/mcp`
/** An answer whose JSON is written as it stands. */
const raw = (text: string) => ({ headers: { 'content-type': 'application/json' }, text })
const asked = (path: string) => stage.issuer.requests.filter((seen) => seen.path === path)
const run = promisify(execFile)
/** The stage's own `command` names a callback, which `status` has no use for. */
const status = async (...more: string[]) => {
  const env = { PATH: process.env.PATH, HOME: stage.home, MCP_OAUTH_BRIDGE_HOME: join(stage.home, 'bridge') }
  return (await run(process.execPath, [PROGRAM, 'status', url(), ...more], { env, cwd: stage.home })).stdout
}
const account = async () => JSON.parse(await status('--json')).accounts[0]

const HUGE = ['4294968', '2147483648', '1e308', '"4294968"', '1e999']

describe('a device code', () => {
  const start = async (members: string) => {
    stage = await startProtectedStage()
    const { origin, routes } = stage.issuer
    const plain = routes['/.well-known/oauth-authorization-server']
    const more = { device_authorization_endpoint: `${origin}/device_authorization` }
    routes['/.well-known/oauth-authorization-server'] = (seen) => ({ json: { ...Object(plain?.(seen).json), ...more } })
    routes['/device_authorization'] = () =>
      raw(`{"device_code":"d","user_code":"AB-CD","verification_uri":"${origin}/device",${members}}`)
    routes['/token'] = () => ({ status: 400, json: { error: 'authorization_pending' } })
    return stage.command('login', url(), '--device')
  }

  test.each(HUGE)('with the interval %s is not polled at once', async (interval) => {
    const { code, stderr } = await start(`"expires_in":1,"interval":${interval}`)
    expect(code).toBe(3)
    expect(stderr).toContain('login_timed_out')
    expect(asked('/token')).toEqual([])
  })

  test.each(['0', '-1', 'null', '"soon"', '{}'])(
    'with the interval %s is polled at the pace of the standard',
    async (interval) => {
      expect((await start(`"expires_in":"1","interval":${interval}`)).stderr).toContain('login_timed_out')
      expect(asked('/token')).toEqual([])
    },
  )
})

describe('an enormous expires_in', () => {
  test.each(['4294968', '1e308', '1e999', '8640000000001', '"1e15"'])('of %s loses no token', async (life) => {
    stage = await startProtectedStage()
    let count = 0
    stage.issuer.routes['/token'] = () =>
      raw(`{"access_token":"a-${++count}","token_type":"Bearer","refresh_token":"r-${count}","expires_in":${life}}`)
    expect((await stage.command('login', url())).code).toBe(0)
    expect((await stage.command('refresh', url())).code).toBe(0)
    expect(new URLSearchParams(asked('/token').at(-1)?.body).get('refresh_token')).toBe('r-1')
    const { state, expires_at, refreshable } = await account()
    expect({ state, refreshable }).toEqual({ state: 'signed_in', refreshable: true })
    expect(Date.parse(expires_at)).toBeGreaterThan(Date.now())
    expect(expires_at).toMatch(/^20\d\d-/)
    expect(await status()).toMatch(/token valid for \d+ (h|years)/)
    const host = stage.host()
    expect(await host.isMet()).toBe(true)
    expect(stage.server.requests.at(-1)?.headers.authorization).toBe('Bearer a-2')
    await host.close()
    const doctor = JSON.parse((await stage.command('doctor', url(), '--json')).stdout)
    expect(JSON.stringify(doctor.checks)).not.toMatch(/internal|Invalid time|RangeError/)
  })
})

describe('a refresh whose answer has a malformed member', () => {
  test.each([
    ['"expires_in":null,"scope":["a","b"]', 'r-new'],
    ['"expires_in":{"toString":1},"scope":null,"token_type":null', 'r-new'],
    ['"expires_in":-1,"id_token":null,"error":null', 'r-new'],
    ['"id_token":"no.jwt.atall","scope":5', 'r-new'],
    ['"refresh_token":null', 'refresh-old'],
    ['"refresh_token":"","expires_in":"3600"', 'refresh-old'],
  ])('such as %s loses neither the new tokens nor the old', async (members, held) => {
    stage = await startProtectedStage()
    const { routes } = stage.issuer
    routes['/token'] = () => ({ json: { access_token: 'old', token_type: 'Bearer', refresh_token: 'refresh-old' } })
    expect((await stage.command('login', url())).code).toBe(0)
    routes['/token'] = () => raw(`{"access_token":"new","token_type":"Bearer","refresh_token":"r-new",${members}}`)
    expect(await stage.command('refresh', url())).toMatchObject({ code: 0 })
    expect(await account()).toMatchObject({ state: 'signed_in', refreshable: true })
    await stage.command('refresh', url())
    expect(new URLSearchParams(asked('/token').at(-1)?.body).get('refresh_token')).toBe(held)
  })
})

describe('a timeout of config.yaml', () => {
  test.each([2_147_483_648, 9_999_999_999, 9_007_199_254_740_991])('of %d does not become 1 ms', async (ms) => {
    stage = await startProtectedStage()
    const path = join(stage.home, 'long.yaml')
    const names = ['connect_timeout', 'request_timeout', 'session_timeout']
    const login = `login: { hold_initialize_ms: ${ms}, hold_call_ms: ${ms} }\n`
    writeFileSync(path, `${names.map((name) => `${name}: ${ms}\n`).join('')}${login}`, { mode: 0o600 })
    const host = stage.host('--config', path)
    expect(await host.isMet()).toBe(true)
    expect((await host.request('tools/list')).result).toBeDefined()
    expect(host.stderr).not.toContain('TimeoutOverflowWarning')
    await host.close()
    expect((await stage.command('login', url(), '--force', '--config', path)).code).toBe(0)
  })
})
