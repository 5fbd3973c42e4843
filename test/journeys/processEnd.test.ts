// However it ends and whatever it is doing: requests are aborted, the session is deleted, the process goes with exit code 0, or 130 for Ctrl-C.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, test } from 'vitest'
import { createGate } from '../fakes/gate.ts'
import type { Exchange } from '../servers/mcpServer.ts'
import { startScriptedStage } from '../servers/scriptedStage.ts'
import { startStage } from '../servers/stage.ts'
import { until } from '../servers/until.ts'

type Host = ReturnType<Awaited<ReturnType<typeof startScriptedStage>>['host']>

let stage: { close(): Promise<void> }
afterEach(() => stage?.close())

const ENDS: [string, number, (host: Host) => void][] = [
  ['stdin closes', 0, (host) => host.child.stdin.end()],
  ['SIGTERM comes', 0, (host) => host.child.kill('SIGTERM')],
  ['SIGINT comes', 130, (host) => host.child.kill('SIGINT')],
  ['SIGHUP comes', 0, (host) => host.child.kill('SIGHUP')],
]

describe.each(ENDS)('when %s', (_how, code, end) => {
  test('in the middle of a call, the call is aborted and the session deleted', async () => {
    const gone = createGate()
    const scripted = await startScriptedStage({
      'tools/call': ({ response }) => void response.on('close', () => gone.open()),
    })
    stage = scripted
    const host = scripted.host()
    await host.initialize()
    host.send({ jsonrpc: '2.0', id: 'x', method: 'tools/call', params: { name: 'x' } })
    await scripted.server.until(({ message }) => message?.method === 'tools/call')
    end(host)
    expect(await host.exited).toBe(code)
    await gone.passed
    // On a connection of its own, so that it may be seen before the GET that was sent before it.
    const ended = scripted.server.seen.filter(({ method }) => method === 'DELETE')
    expect(ended).toMatchObject([{ headers: { 'mcp-session-id': 'session-1' } }])
    expect(host.heard.filter(({ id }) => id === 'x')).toEqual([])
  })

  test('while initialize is not answered, nothing is left behind', async () => {
    const scripted = await startScriptedStage({ initialize: () => undefined })
    stage = scripted
    const host = scripted.host()
    host.send({ jsonrpc: '2.0', id: 1, method: 'initialize', params: {} })
    await scripted.server.until(({ message }) => message?.method === 'initialize')
    end(host)
    expect(await host.exited).toBe(code)
  })

  test('while the DELETE is not answered, it goes all the same', async () => {
    const scripted = await startScriptedStage({ DELETE: () => undefined })
    stage = scripted
    const host = scripted.host()
    await host.initialize()
    end(host)
    expect(await host.exited).toBe(code)
    expect(scripted.server.count('DELETE')).toBe(1)
  })
})

describe.each(ENDS.slice(0, 2))('with a sign-in: when %s', (_how, _code, end) => {
  test('while a person is asked to sign in, the bridge goes', async () => {
    const full = await startStage()
    stage = full
    const host = full.host([], { PERSON: 'absent' })
    host.send({ jsonrpc: '2.0', id: 1, method: 'initialize', params: { protocolVersion: '2025-11-25' } })
    await full.untilTabs(1)
    end(host)
    expect(await host.exited).toBe(0)
  })

  test('while a refresh is not answered, the bridge goes', async () => {
    const full = await startStage()
    stage = full
    const host = full.host()
    await host.initialize()
    full.server.rejectTokens()
    full.authorization.state.tokenFault = 'silence'
    const asked = full.authorization.state.tokenRequests
    host.send({ jsonrpc: '2.0', id: 'x', method: 'tools/call', params: { name: 'echo', arguments: { message: '' } } })
    await full.untilTokenRequests(asked + 1)
    end(host)
    expect(await host.exited).toBe(0)
  })
})

test('a host that stops reading ends the bridge, and the session is deleted', async () => {
  const scripted = await startScriptedStage({ 'tools/call': ({ result }) => result('x'.repeat(1_000_000)) })
  stage = scripted
  const host = scripted.host()
  await host.initialize()
  host.child.stdout.destroy()
  host.send({ jsonrpc: '2.0', id: 'x', method: 'tools/call', params: { name: 'x' } })
  expect(await host.exited).toBe(0)
  expect(host.stderr).not.toMatch(/EPIPE|at .*\.js/)
  expect(scripted.server.count('DELETE')).toBe(1)
})

test('a host that never reads does not keep a bridge from ending', async () => {
  const scripted = await startScriptedStage({ 'tools/call': ({ result }) => result('x'.repeat(5_000_000)) })
  stage = scripted
  const host = scripted.host()
  await host.initialize()
  host.child.stdout.pause()
  host.send({ jsonrpc: '2.0', id: 'x', method: 'tools/call', params: { name: 'x' } })
  await scripted.server.until(({ message }) => message?.method === 'tools/call')
  host.child.kill('SIGTERM')
  expect(await host.exited).toBe(0)
})

test.skipIf(process.platform !== 'linux')(
  'a parent that dies without closing the pipes takes the bridge with it, and the session is deleted',
  async () => {
    const scripted = await startScriptedStage()
    stage = scripted
    const maker = fileURLToPath(new URL('../servers/orphanMaker.js', import.meta.url))
    const parent = spawn(process.execPath, [maker, scripted.server.url], {
      env: scripted.environment,
      stdio: ['pipe', 'pipe', 'pipe'],
    })
    const pid = await new Promise<number>((resolve) =>
      createInterface({ input: parent.stderr }).once('line', (line) => resolve(Number(line))),
    )
    const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'h', version: '1' } }
    parent.stdin.write(`${JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'initialize', params })}\n`)
    const { response } = await scripted.server.until(({ message }) => message?.method === 'initialize')
    await new Promise((resolve) => (response.writableFinished ? resolve(undefined) : response.on('finish', resolve)))
    await new Promise((resolve) => parent.stdout.once('data', resolve))
    // The pipes stay open: this process holds their other ends.
    parent.kill('SIGKILL')
    const { headers } = await scripted.server.until(({ method }: Exchange) => method === 'DELETE')
    expect(headers['mcp-session-id']).toBe('session-1')
    await until('the end of the bridge', () => !existsSync(`/proc/${pid}/exe`))
  },
)
