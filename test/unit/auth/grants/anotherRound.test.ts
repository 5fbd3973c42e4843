// A code that was refused because the server has forgotten our client.
import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import type { Configured } from '../../../../src/auth/client/additions.ts'
import { anotherRound } from '../../../../src/auth/grants/anotherRound.ts'
import { BridgeError } from '../../../../src/errors.ts'
import type { AttemptPlan, RegisteredClient } from '../../../../src/records.ts'
import { createFakeLogger } from '../../../fakes/fakeLogger.ts'
import { codeOf, errorOf } from '../../../fakes/thrown.ts'

const PLAN: AttemptPlan = {
  issuer: 'https://as.example',
  metadata: { issuer: 'https://as.example' },
  client: { clientId: 'old', authMethod: 'none' },
  redirectUri: 'http://localhost:8080/auth/callback',
  scope: 'a',
  resource: 'r',
  codeVerifier: 'verifier-of-the-first-round',
  authorizationUrl: 'https://as.example/authorize?client_id=old&state=one&code_challenge=c&scope=a&resource=r&x=1',
}
const NEXT: RegisteredClient = { clientId: 'next', authMethod: 'none' }
const NOTHING: Configured = { scopes: false, resource: false, parameters: [] }
const unknown = new BridgeError('invalid_client')

function setUp(
  plan: AttemptPlan,
  replacement: RegisteredClient | 'none' = NEXT,
  configured = NOTHING,
  scopes: 'needed' | 'wanted' = 'wanted',
) {
  const asked: string[] = []
  const planned: { id: string; state: string; plan: AttemptPlan }[] = []
  const clients = {
    async replacement(_issuer: string, _redirectUri: string, refused: string) {
      asked.push(refused)
      return replacement === 'none' ? undefined : ({ client: replacement, was: 'made' } as const)
    },
  }
  const attempts = {
    planAgain: async (id: string, state: string, next: AttemptPlan) => void planned.push({ id, state, plan: next }),
  }
  const options = { clients, attempts, log: createFakeLogger(), configured }
  return {
    again: anotherRound(options, { attemptId: 'attempt', plan, at: 'code', relation: 'own', scopes }),
    asked,
    planned,
  }
}

describe('the same tab', () => {
  test('continues with the new client, a new state and a new verifier, and everything else unchanged', async () => {
    const { again, planned } = setUp(PLAN)
    const url = new URL((await again(unknown)).again)
    const [{ id, state, plan } = { id: '', state: '', plan: PLAN }] = planned
    expect(id).toBe('attempt')
    expect(plan).toMatchObject({ client: NEXT, replaced: 'old', made: true, authorizationUrl: url.href })
    expect(plan.codeVerifier).not.toBe(PLAN.codeVerifier)
    expect(state).not.toBe('one')
    expect(Object.fromEntries(url.searchParams)).toEqual({
      ...{ client_id: 'next', state, scope: 'a', resource: 'r', x: '1', redirect_uri: PLAN.redirectUri },
      code_challenge: createHash('sha256').update(plan.codeVerifier).digest('base64url'),
    })
  })

  test.each([
    ['registered by itself', undefined, 'mcp-oauth-bridge login --force'],
    ['of a person', 'configured', 'Register exactly this redirect URI (callback_url)'],
  ] as const)('of a refused redirect URI of a client %s: the hint names it', async (_, own, remedy) => {
    const { again } = setUp({ ...PLAN, client: { ...PLAN.client, ...(own ? { own } : {}) } })
    const { hint } = await errorOf(again(new BridgeError('redirect_uri_mismatch', { message: 'No.' })))
    expect(hint).toContain(remedy)
    expect(hint).toContain(PLAN.redirectUri)
  })

  test('repeats only once', async () => {
    const { again, asked } = setUp({ ...PLAN, replaced: 'older' })
    expect(await codeOf(again(unknown))).toBe('invalid_client')
    expect(asked).toEqual([])
  })

  test('ends if the client is not ours to replace', async () => {
    const { again, planned } = setUp(PLAN, 'none')
    expect(await codeOf(again(unknown))).toBe('invalid_client')
    expect(planned).toEqual([])
  })

  test('ends with any other failure', async () => {
    const { again, asked } = setUp(PLAN)
    expect(await codeOf(again(new BridgeError('login_failed')))).toBe('login_failed')
    expect(asked).toEqual([])
  })
})
