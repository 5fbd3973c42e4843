// What a pair cannot carry because one side cannot do it, and what the person sees then: in each pair the same is missing, in other words.
import { describe, expect, test } from 'vitest'
import { openPair } from '../../servers/eraPairs.ts'
import type { Exchange } from '../../servers/mcpServer.ts'
import type { HostKind, SdkHost } from '../../servers/modernHosts.ts'
import { speakModern } from '../../servers/modernScript.ts'
import { startScriptedStage } from '../../servers/scriptedStage.ts'

async function withPair(
  [kind, server]: readonly [HostKind, 'session' | 'modern'],
  capabilities: Record<string, unknown>,
  body: (host: SdkHost) => Promise<void>,
): Promise<void> {
  const pair = await openPair(kind, server, { capabilities })
  try {
    await body(pair.host)
  } finally {
    await pair.close()
  }
}

/** What a host of no capability is told when the server asks something. */
const UNDECLARED = [
  // The server sees what the host declared, in each request, and refuses by itself.
  [['v1', 'modern'], -32021, /do not declare the required capability/],
  [['pinned', 'modern'], -32021, /do not declare the required capability/],
  // A server of 2025 asks all the same, and hears that nobody answers.
  [['v1', 'session'], -32601, /Method not found/],
  [['pinned', 'session'], -32601, /the host has not declared that it answers/],
] as const

describe.each(UNDECLARED)('a host without capabilities, %s', (pair, code, words) => {
  test('is told which one a question needs, and is asked nothing', () =>
    withPair(pair, {}, async (host) => {
      for (const tool of ['ask_form', 'ask_url', 'ask_sampling', 'ask_roots']) {
        const refused = await host.call(tool).catch((error: Error & { code: number }) => error)
        expect([tool, refused.code]).toEqual([tool, code])
        expect(refused.message).toMatch(words)
      }
      await expect(host.client.getPrompt({ name: 'ask_prompt' })).rejects.toThrow(words)
      expect(host.asked).toEqual([])
    }))
})

describe.each([
  ['v1', 'session'],
  ['v1', 'modern'],
  ['v2', 'modern'],
  ['pinned', 'session'],
  ['pinned', 'modern'],
] as const)('a person who says no, host %s at server %s', (...pair) => {
  test.each(['decline', 'cancel'] as const)('is heard by the server: %s', (action) =>
    withPair(pair, { elicitation: { form: {} } }, async (host) => {
      host.answers['elicitation/create'] = () => ({ action })
      expect(JSON.parse(await host.text('ask_form'))).toEqual({ who: { action } })
    }),
  )
})

test.each(['v1', 'v2'] as const)(
  'a host %s that cannot answer after all gets the question as the result of its call',
  (kind) =>
    withPair([kind, 'modern'], { sampling: {} }, async (host) => {
      host.answers['sampling/createMessage'] = () => {
        throw new Error('no model today')
      }
      const { isError, content } = await host.call('ask_sampling')
      expect(isError).toBe(true)
      expect(content[0].text).toMatch(/The server asks for .*, and your program refuses.*no model today/)
    }),
)

test('a server of 2025 that gives no session fails each call of a host of 2026 in its own words, and nothing piles up', async () => {
  const refuse = ({ reply, message }: Exchange) =>
    reply(200, JSON.stringify({ jsonrpc: '2.0', id: message.id, error: { code: -32000, message: 'no room' } }), {
      'content-type': 'application/json',
    })
  const stage = await startScriptedStage({ 'server/discover': refuse, initialize: refuse })
  try {
    const host = stage.host()
    const { call } = speakModern(host)
    // More than Node lets listen to one thing without a warning on stderr.
    for (let calls = 0; calls < 12; calls++) expect((await call('echo')).error.message).toContain('no room')
    expect(host.stderr).not.toContain('MaxListenersExceededWarning')
    expect(await host.close()).toBe(0)
  } finally {
    await stage.close()
  }
})
