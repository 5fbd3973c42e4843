// The MCP Inspector's command line as a host: it has no model and no patience, and starts a new bridge for each request.
import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { PROGRAM } from '../servers/host.ts'
import { inspect, inspectorVersion } from '../servers/inspector.ts'
import { startStage } from '../servers/stage.ts'

let stage: Awaited<ReturnType<typeof startStage>>
beforeAll(() => void process.stdout.write(`MCP Inspector ${inspectorVersion()}\n`))
beforeEach(async () => {
  stage = await startStage()
})
afterEach(() => stage.close())

// The callback address comes from a config file: the Inspector has a --callback-url of its own.
const ask = async (...request: string[]) => {
  const { environment, server } = stage
  const config = stage.config(`callback_url: ${stage.callbackUrl}\nlogin: { mode: on-call }\n`)
  const given = { ...environment, CONFIG_PATH: config } as Record<string, string>
  return JSON.parse(await inspect({ server: [process.execPath, PROGRAM, server.url], environment: given }, request))
}
const login = () => stage.command(['login', stage.server.url, '--callback-url', stage.callbackUrl])
const list = async (): Promise<{ name: string; description: string }[]> => (await ask('--method', 'tools/list')).tools
const names = async () => (await list()).map(({ name }) => name)
const echo = () => ask('--method', 'tools/call', '--tool-name', 'echo', '--tool-arg', 'message=from the inspector')

test('signed in: its list is the server’s own, and a call is answered', async () => {
  await login()
  expect(await names()).toContain('echo')
  expect(await names()).not.toContain('sign_in')
  expect((await echo()).content[0].text).toBe('Echo: from the inspector')
})

test('nobody signed in: its list has the tool that signs in, a call to it waits for the person, and the next list is the server’s own', async () => {
  expect(await names()).toEqual(['sign_in'])
  const { content } = await ask('--method', 'tools/call', '--tool-name', 'sign_in')
  expect(content[0].text).toMatch(/^You are signed in as /)
  expect(await names()).toContain('echo')
})

test('a server that is down: it starts, and the tool says why', async () => {
  await stage.server.close()
  const [tool] = await list()
  expect(tool?.name).toBe('sign_in')
  expect(tool?.description).toMatch(/cannot be reached: ECONNREFUSED/)
})
