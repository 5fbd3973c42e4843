// server-everything behind the gateway: SDK clients, the Inspector, and this program's own bridge, whose person consents in a browser.
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { freePort } from '../../servers/freePort.ts'
import { createSdkSignIn } from '../../servers/gatewayClients.ts'
import { closePostgres, type GatewayStage, startGatewayStage } from '../../servers/gatewayStage.ts'
import { inspect } from '../../servers/inspector.ts'
import { connectSdkHost } from '../../servers/modernHosts.ts'
import { whyNoPostgres } from '../../servers/postgres.ts'
import { makeSdkHome, type SdkHome } from '../../servers/sdkHome.ts'

const PERSON = fileURLToPath(new URL('../../servers/person.js', import.meta.url))
const RESOURCE = 'demo://resource/static/document/architecture.md'

afterAll(closePostgres)

describe.each(['sqlite', 'postgres'] as const)('server-everything, on %s', (engine) => {
  const isMissing = engine === 'postgres' && whyNoPostgres() !== undefined
  let stage: GatewayStage
  let home: SdkHome
  beforeAll(async () => {
    if (isMissing) return
    home = makeSdkHome()
    Object.assign(home.environment, { BROWSER: PERSON, PERSON: 'consents' })
    stage = await startGatewayStage({ engine })
  })
  afterAll(async () => {
    await home?.close()
    await stage?.close()
  })

  test.skipIf(isMissing).each(['v1', 'v2'] as const)('a client %s uses it', async (kind) => {
    const host = await home.keep(connectSdkHost(kind, { direct: stage.url, signIn: createSdkSignIn() }))
    expect(await host.text('get-sum', { a: 5, b: 3 })).toMatch(/8/)
    expect((await host.client.readResource({ uri: RESOURCE })).contents[0].text).toMatch(/Everything/)
    expect(await host.text('trigger-sampling-request', { prompt: 'Which city?' })).toMatch(/Paris/)
    const steps: number[] = []
    const onprogress = ({ progress }: { progress: number }) => steps.push(progress)
    await host.call('trigger-long-running-operation', { duration: 0.2, steps: 2 }, { onprogress })
    expect(steps).toEqual([1, 2])
  })

  test.skipIf(isMissing).each(['v1', 'auto'] as const)(
    'a host %s on this program’s own bridge uses it, after its person has consented',
    async (kind) => {
      const callback = ['--callback-url', `http://localhost:${await freePort()}/auth/callback`]
      const host = await home.connect(kind, [stage.url, '--profile', kind, ...callback])
      expect(await host.text('get-sum', { a: 5, b: 3 })).toMatch(/8/)
      expect((await host.client.readResource({ uri: RESOURCE })).contents[0].text).toMatch(/Everything/)
      expect(await host.text('trigger-sampling-request', { prompt: 'Which city?' })).toMatch(/Paris/)
    },
  )

  test.skipIf(isMissing)('the Inspector lists its tools and calls one, with the token of a sign-in', async () => {
    const { access_token: token } = await stage.signIn()
    const server = [stage.url, '--transport', 'http', '--header', `Authorization: Bearer ${token}`]
    const environment = { PATH: process.env.PATH ?? '', HOME: stage.home }
    expect(await inspect({ server, environment }, ['--method', 'tools/list'])).toContain('get-sum')
    const call = ['--method', 'tools/call', '--tool-name', 'get-sum', '--tool-arg', 'a=5', 'b=3']
    expect(await inspect({ server, environment }, call)).toMatch(/8/)
  })
})
