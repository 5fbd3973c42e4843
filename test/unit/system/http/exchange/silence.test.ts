// The longest silence of a server that waits for something itself: it has no bound meanwhile, and a new one after it.
import { expect, onTestFinished, test } from 'vitest'
import { createHttp } from '../../../../../src/system/http/client.ts'
import { createGate, type Gate } from '../../../../fakes/gate.ts'
import { codeOf } from '../../../../fakes/thrown.ts'
import { startLoopbackServer } from '../../../../servers/loopbackServer.ts'

const IDLE_MS = 50

type Where = 'headers' | 'body' | 'headers, after an interim response'
const EVERYWHERE: readonly Where[] = ['headers', 'body', 'headers, after an interim response']

/** A server that is silent until the gate opens, before its headers or in its body. */
async function silentServer(where: Where) {
  const gate: Gate<string> = createGate()
  const server = await startLoopbackServer(async (_, response) => {
    if (where.endsWith('interim response')) response.writeProcessing()
    if (where === 'body') response.writeHead(200).write('some ')
    response.end(await gate.passed)
  })
  const http = createHttp({ connectTimeoutMs: 10_000 })
  onTestFinished(async () => {
    gate.open('')
    await http.close()
    await server.close()
  })
  const ask = async (patience?: { held: boolean; turns: number }) => {
    const transmission = { sent: false, patience }
    const url = new URL(server.origin)
    const response = await http.request({ method: 'POST', url, headers: {}, idleMs: IDLE_MS, transmission })
    const chunks: Uint8Array[] = []
    for await (const chunk of response.body) chunks.push(chunk)
    return Buffer.concat(chunks).toString()
  }
  return { ask, gate }
}

test.each(EVERYWHERE)('is not counted before the %s while it has a reason', async (where) => {
  const { ask, gate } = await silentServer(where)
  const held = ask({ held: true, turns: 0 })
  // Each of them is silent for as long as the bound.
  for (let times = 0; times < 3; times++) expect(await codeOf(ask())).toBe('server_timeout')
  gate.open('late')
  expect(await held).toContain('late')
})

test.each(EVERYWHERE)('counts before the %s once the reason is gone', async (where) => {
  const { ask } = await silentServer(where)
  const patience = { held: true, turns: 0 }
  const held = ask(patience)
  expect(await codeOf(ask())).toBe('server_timeout')
  patience.held = false
  patience.turns++
  expect(await codeOf(held)).toBe('server_timeout')
})

test('counts from the start where there is no reason yet', async () => {
  const { ask } = await silentServer('body')
  expect(await codeOf(ask({ held: false, turns: 0 }))).toBe('server_timeout')
})
