// The refresh grant: what is tried again, how long is waited, what ends it.
import { describe, expect, test } from 'vitest'
import type { Replacement } from '../../../../src/auth/client/registrations.ts'
import type { OAuthClient } from '../../../../src/auth/oauth/client.ts'
import { createRefresh, type RefreshOptions } from '../../../../src/auth/tokens/refresh.ts'
import type { TokenResponse } from '../../../../src/auth/tokens/tokenSet.ts'
import { BridgeError, type ErrorCode } from '../../../../src/errors.ts'
import type { RegisteredClient, TokenSet } from '../../../../src/records.ts'
import { createHurryingClock, NOON } from '../../../fakes/fakeClock.ts'
import { createFakeLogger } from '../../../fakes/fakeLogger.ts'
import { codeOf, errorOf } from '../../../fakes/thrown.ts'

const OLD: TokenSet & { refreshToken: string } = {
  issuer: 'https://as.example',
  clientId: 'client',
  redirectUri: 'http://localhost:8080/auth/callback',
  accessToken: 'old',
  refreshToken: 'refresh-old',
  scope: 'a b',
  resource: 'https://mcp.example/mcp',
  obtainedAt: NOON - 3_600_000,
  expiresAt: NOON,
  user: { issuer: 'https://as.example', subject: 'ada', claims: {} },
}

type Answer = TokenResponse | 'rejected' | Error

const MAY_ASK = async () => true
const KEEPS_NOTHING = () => Promise.reject(new Error('something is kept'))

const PLAIN = { rules: () => ({}), bearer: 'access_token' } as const

function setUp(answers: readonly Answer[], more: Partial<RefreshOptions> = {}, replacement?: Replacement) {
  const clock = createHurryingClock()
  const log = createFakeLogger()
  const asked: { refreshToken: string; resource: string | undefined; scope: string | undefined }[] = []
  const oauth: OAuthClient = {
    authorizationUrl: () => Promise.reject(new Error('not here')),
    redeem: () => Promise.reject(new Error('not here')),
    revoke: () => Promise.reject(new Error('not here')),
    clientCredentials: () => Promise.reject(new Error('not here')),
    pollDevice: () => Promise.reject(new Error('not here')),
    deviceAuthorization: () => Promise.reject(new Error('not here')),
    async refresh(refreshToken, extra) {
      const answer = answers[asked.length]
      asked.push({ refreshToken, ...extra })
      if (answer instanceof Error) throw answer
      if (answer === undefined) throw new Error('asked too often')
      return answer
    },
  }
  const client = { clientId: 'client', authMethod: 'none' }
  const spoke: string[] = []
  const restored: string[] = []
  const clients = {
    ofTokens: async (): Promise<RegisteredClient> => client,
    async connect(_issuer: string, { clientId }: RegisteredClient) {
      spoke.push(clientId)
      return oauth
    },
    replacement: async (): Promise<Replacement | undefined> => replacement,
    restore: async (_issuer: string, _redirectUri: string, client: RegisteredClient, made: RegisteredClient) =>
      void restored.push(`${client.clientId} instead of ${made.clientId}`),
  }
  const options = { clients, clock, log, ...PLAIN, ...more }
  const kept: TokenSet[] = []
  const keep = async (tokens: TokenSet) => void kept.push(tokens)
  const start = createRefresh(options)
  const refresh = (tokens: typeof OLD) => start(tokens, keep, MAY_ASK)
  return { refresh, options, clock, log, asked, kept, spoke, restored }
}

const busy = (details: Record<string, number> = {}, code: ErrorCode = 'authorization_server_error') =>
  new BridgeError(code, { details })

describe('a refreshed token set', () => {
  test('has the new tokens and their expiry, and keeps issuer, client and user', async () => {
    const { refresh, asked } = setUp([{ accessToken: 'new', refreshToken: 'refresh-new', expiresIn: 60, scope: 'a' }])
    expect(await refresh(OLD)).toEqual({
      ...OLD,
      accessToken: 'new',
      refreshToken: 'refresh-new',
      scope: 'a',
      obtainedAt: NOON,
      expiresAt: NOON + 60_000,
    })
    expect(asked).toEqual([{ refreshToken: 'refresh-old', resource: 'https://mcp.example/mcp', scope: undefined }])
  })

  test('keeps the refresh token and scope if the server sends none (RFC 6749 section 6)', async () => {
    const { refresh } = setUp([{ accessToken: 'new', expiresIn: 60 }])
    expect(await refresh(OLD)).toMatchObject({ refreshToken: 'refresh-old', scope: 'a b', user: OLD.user })
  })

  test('has no expiry if the server names none', async () => {
    const { refresh } = setUp([{ accessToken: 'new' }])
    expect(await refresh(OLD)).not.toHaveProperty('expiresAt')
  })
})

describe('a failure', () => {
  test('that is permanent is rejected at once', async () => {
    const { refresh, clock } = setUp(['rejected'])
    expect(await refresh(OLD)).toBe('rejected')
    expect(clock.sleeps).toEqual([])
  })

  test.each(['authorization_server_error', 'authorization_server_unreachable'] as const)(
    '%s that passes is retried successfully',
    async (code) => {
      const { refresh, asked } = setUp([busy({}, code), busy({}, code), { accessToken: 'new' }])
      expect(await refresh(OLD)).toMatchObject({ accessToken: 'new' })
      expect(asked).toHaveLength(3)
    },
  )

  test('that stays is thrown after three tries, with growing waits', async () => {
    const { refresh, clock, asked } = setUp([busy(), busy(), busy()])
    expect(await codeOf(refresh(OLD))).toBe('authorization_server_error')
    expect(asked).toHaveLength(3)
    const [first = 0, second = 0, ...more] = clock.sleeps
    expect(more).toEqual([])
    expect(first).toBeGreaterThanOrEqual(225)
    expect(first).toBeLessThanOrEqual(375)
    expect(second).toBeGreaterThanOrEqual(900)
    expect(second).toBeLessThanOrEqual(1_500)
  })

  test.each(['login_failed', 'invalid_client', 'malformed_token', 'tls_failed', 'redirect_refused'] as const)(
    '%s is not tried again',
    async (code) => {
      const { refresh, asked } = setUp([busy({}, code)])
      expect(await codeOf(refresh(OLD))).toBe(code)
      expect(asked).toHaveLength(1)
    },
  )

  test('that is our own fault is not tried again', async () => {
    const { refresh, asked } = setUp([new TypeError('x')])
    await expect(refresh(OLD)).rejects.toBeInstanceOf(TypeError)
    expect(asked).toHaveLength(1)
  })

  test('is logged without any token', async () => {
    const { refresh, log } = setUp([busy(), { accessToken: 'new' }])
    await refresh(OLD)
    expect(log.entries.map(({ level, fields }) => [level, fields.outcome])).toEqual([
      ['warn', 'failed'],
      ['info', 'refreshed'],
    ])
    expect(JSON.stringify(log.entries)).not.toMatch(/refresh-old|"new"/)
  })
})

describe('after the machine woke', () => {
  const down = () => busy({}, 'authorization_server_unreachable')

  test('the network is waited for longer', async () => {
    const { refresh, clock, asked } = setUp([down(), down(), down(), down(), down(), { accessToken: 'new' }])
    clock.doze(3_600_000)
    expect(await refresh(OLD)).toMatchObject({ accessToken: 'new' })
    expect(asked).toHaveLength(6)
  })

  test('the network is not waited for indefinitely', async () => {
    const { refresh, clock } = setUp(Array.from({ length: 100 }, down))
    clock.doze(3_600_000)
    expect(await codeOf(refresh(OLD))).toBe('authorization_server_unreachable')
    expect(clock.sleeps.reduce((sum, ms) => sum + ms, 0)).toBeLessThan(35_000)
  })

  test('the network is waited for no longer where the clock is set back meanwhile', async () => {
    const { options, clock } = setUp(Array.from({ length: 100 }, down))
    const sleep = clock.sleep
    let isSet = false
    options.clock.sleep = (...asked) => {
      if (!isSet) clock.doze(-3_600_000)
      isSet = true
      return sleep(...asked)
    }
    const refresh = createRefresh(options)
    clock.doze(3_600_000)
    expect(await codeOf(refresh(OLD, async () => undefined, MAY_ASK))).toBe('authorization_server_unreachable')
    expect(clock.sleeps.reduce((sum, ms) => sum + ms, 0)).toBeLessThan(35_000)
  })

  test('it is asked before each try whether it may, and a process that was overtaken asks nothing', async () => {
    const { options, asked } = setUp([busy(), busy(), busy()])
    const answers = [true, false]
    const mayAsk = async () => answers.shift() ?? false
    expect(await createRefresh(options)(OLD, KEEPS_NOTHING, mayAsk)).toBe('overtaken')
    expect(asked).toHaveLength(1)
  })

  test('a process that ends before it asked has spent nothing', async () => {
    const { options, asked } = setUp([busy()])
    const mayAsk = () => Promise.reject(new BridgeError('cancelled'))
    const { code, details } = await errorOf(createRefresh(options)(OLD, KEEPS_NOTHING, mayAsk))
    expect([code, details.mayBeSpent, asked]).toEqual(['cancelled', false, []])
  })

  test('a server that answers with an error is not waited for longer', async () => {
    const { refresh, clock, asked } = setUp([busy(), busy(), busy()])
    clock.doze(3_600_000)
    expect(await codeOf(refresh(OLD))).toBe('authorization_server_error')
    expect(asked).toHaveLength(3)
  })

  test('the second refresh waits no longer than usual', async () => {
    const { refresh, clock, asked } = setUp([{ accessToken: 'new' }, down(), down(), down()])
    clock.doze(3_600_000)
    await refresh(OLD)
    expect(await codeOf(refresh(OLD))).toBe('authorization_server_unreachable')
    expect(asked).toHaveLength(4)
  })
})

test('no other try begins after ten seconds, because the host waits', async () => {
  const slow = createHurryingClock()
  let tries = 0
  const oauth = {
    refresh: () => {
      tries++
      slow.advance(11_000)
      return Promise.reject(busy({}, 'authorization_server_unreachable'))
    },
  }
  const clients = {
    ofTokens: async () => ({ clientId: 'client', authMethod: 'none' }),
    connect: async () => oauth as never,
    replacement: async () => undefined,
    restore: async () => undefined,
  }
  const refresh = createRefresh({ clients, clock: slow, log: createFakeLogger(), ...PLAIN })
  expect(await codeOf(refresh(OLD, KEEPS_NOTHING, MAY_ASK))).toBe('authorization_server_unreachable')
  expect(tries).toBe(1)
})

describe('Retry-After', () => {
  test('is waited for', async () => {
    const { refresh, clock } = setUp([busy({ retryAfterMs: 3_000 }), { accessToken: 'new' }])
    await refresh(OLD)
    expect(clock.sleeps).toEqual([3_000])
  })

  test('shorter than our own wait does not shorten it', async () => {
    const { refresh, clock } = setUp([busy({ retryAfterMs: 0 }), { accessToken: 'new' }])
    await refresh(OLD)
    expect(clock.sleeps[0]).toBeGreaterThanOrEqual(225)
  })

  test('longer than five seconds ends the retries', async () => {
    const { refresh, clock } = setUp([busy({ retryAfterMs: 5_001 })])
    expect(await codeOf(refresh(OLD))).toBe('authorization_server_error')
    expect(clock.sleeps).toEqual([])
  })
})

describe('a client that the server no longer knows', () => {
  const unknown = () => new BridgeError('invalid_client')
  const NEXT = { client: { clientId: 'next', authMethod: 'none' }, was: 'made' } as const

  test('is replaced once, and the refresh is tried once with the next one', async () => {
    const { refresh, spoke, restored } = setUp([unknown(), { accessToken: 'new' }], {}, NEXT)
    expect(await refresh(OLD)).toMatchObject({ accessToken: 'new', clientId: 'next' })
    expect(spoke).toEqual(['client', 'next'])
    expect(restored).toEqual([])
  })

  test('whose grant ended with it is a refused grant', async () => {
    const { refresh } = setUp([unknown(), 'rejected'], {}, NEXT)
    expect(await refresh(OLD)).toBe('rejected')
  })

  test('is restored when the next one is refused as well, and this process does not replace it again', async () => {
    const { refresh, spoke, restored } = setUp([unknown(), unknown(), unknown()], {}, NEXT)
    expect(await codeOf(refresh(OLD))).toBe('invalid_client')
    expect(restored).toEqual(['client instead of next'])
    expect(await codeOf(refresh(OLD))).toBe('invalid_client')
    expect(spoke).toEqual(['client', 'next', 'client'])
  })

  test('stays replaced by one that another sign-in uses, also when that is refused as well', async () => {
    const { refresh, spoke, restored } = setUp([unknown(), unknown()], {}, { ...NEXT, was: 'met' })
    expect(await codeOf(refresh(OLD))).toBe('invalid_client')
    expect(spoke).toEqual(['client', 'next'])
    expect(restored).toEqual([])
  })

  test('that a person configured is never replaced', async () => {
    const { refresh, asked } = setUp([unknown()])
    expect(await codeOf(refresh(OLD))).toBe('invalid_client')
    expect(asked).toHaveLength(1)
  })

  test('and that is not known here either is replaced by the stored one, before anything is sent', async () => {
    const { options, spoke } = setUp([{ accessToken: 'new' }], {}, NEXT)
    options.clients.ofTokens = () => Promise.reject(unknown())
    expect(await createRefresh(options)(OLD, KEEPS_NOTHING, MAY_ASK)).toMatchObject({ clientId: 'next' })
    expect(spoke).toEqual(['next'])
  })
})

describe('where the ID token is the bearer', () => {
  const bearer = { bearer: 'id_token' } as const
  const GOOD = { accessToken: 'a', refreshToken: 'refresh-3', idToken: { token: 'new', expiresAt: NOON + 60_000 } }
  const unchecked = (code: ErrorCode, refreshToken = 'refresh-2'): TokenResponse => {
    const idTokenProblem = { outcome: 'refused', reason: 'no keys', error: new BridgeError(code) } as const
    return { accessToken: 'a', refreshToken, idTokenProblem }
  }

  test('keys that cannot be had now are asked for with the next refresh token, which is stored first', async () => {
    const { refresh, asked, kept } = setUp([unchecked('authorization_server_error'), GOOD], bearer)
    expect(await refresh(OLD)).toMatchObject({ accessToken: 'new', refreshToken: 'refresh-3' })
    expect(asked.map(({ refreshToken }) => refreshToken)).toEqual(['refresh-old', 'refresh-2'])
    expect(kept).toEqual([{ ...OLD, refreshToken: 'refresh-2' }])
  })

  test('one that does not pass costs no refresh token', async () => {
    const { refresh, asked, kept } = setUp([unchecked('invalid_signature')], bearer)
    expect(await codeOf(refresh(OLD))).toBe('invalid_signature')
    expect(kept).toEqual([{ ...OLD, refreshToken: 'refresh-2' }])
    expect(asked).toHaveLength(1)
  })

  test('one that does not come is a refusal that says what to do, and costs no refresh token', async () => {
    const { refresh, asked, kept } = setUp([{ accessToken: 'a', refreshToken: 'refresh-2' }], bearer)
    const { code, details, hint } = await errorOf(refresh(OLD))
    expect([code, details.refused]).toEqual(['id_token_missing', true])
    expect(hint).toContain('Sign in again')
    expect(kept).toEqual([{ ...OLD, refreshToken: 'refresh-2' }])
    expect(asked).toHaveLength(1)
  })

  test('without another refresh token there is nothing to keep', async () => {
    const { refresh, kept } = setUp([{ accessToken: 'a' }], bearer)
    expect(await codeOf(refresh(OLD))).toBe('id_token_missing')
    expect(kept).toEqual([])
  })

  test('a client that is replaced goes on with the refresh token that counts', async () => {
    const answers = [unchecked('authorization_server_error'), new BridgeError('invalid_client'), GOOD]
    const { refresh, asked } = setUp(answers, bearer, { client: { clientId: 'next', authMethod: 'none' }, was: 'made' })
    expect(await refresh(OLD)).toMatchObject({ accessToken: 'new', clientId: 'next' })
    expect(asked.map(({ refreshToken }) => refreshToken)).toEqual(['refresh-old', 'refresh-2', 'refresh-2'])
  })
})
