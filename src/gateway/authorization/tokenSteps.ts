// Our steps around /token: a refresh token is spent once with a grace for repeated requests, and a code dies with its first failure
import type { Leases, Logger } from '../../ports.ts'
import { sha256 } from '../../sha256.ts'
import type { ClientRegistry, GrantStore, RecordStore, RefreshAnswerStore } from '../ports.ts'
import type { Asked, RefreshRun } from './asked.ts'

/** Renewed while a refresh takes longer. Where the process that held it was killed, a client that asks again waits this long. */
const LEASE_MS = 4_000

export interface TokenStepOptions {
  readonly records: RecordStore
  readonly refreshAnswers: RefreshAnswerStore
  readonly grants: GrantStore
  readonly clients: ClientRegistry
  readonly leases: Leases
  readonly now: () => number
  readonly graceMs: number
  readonly log: Logger
}

/** The engine's part of one request to /token. */
export interface TokenExchange {
  run(): Promise<void>
  /** What the engine reads in place of the form that came; before `run`. */
  send(form: URLSearchParams): void
  status(): number
  /** The client that the engine knows by now. */
  clientId(): string | undefined
  body(): unknown
  answer(status: number, body: unknown): void
}

export type TokenStep = (asked: Asked, exchange: TokenExchange) => Promise<void>

export function createTokenStep(options: TokenStepOptions): TokenStep {
  return async (asked, exchange) => {
    const type = single(asked.form, 'grant_type')
    const token = single(asked.form, 'refresh_token')
    const code = single(asked.form, 'code')
    if (type === 'refresh_token' && token !== undefined) return refresh(options, asked, exchange, sha256(token))
    if (type === 'authorization_code' && code !== undefined) return redeem(options, asked, exchange, sha256(code))
    return exchange.run()
  }
}

const single = (form: URLSearchParams | undefined, name: string): string | undefined => {
  const [value, ...more] = form?.getAll(name) ?? []
  return more.length === 0 ? value : undefined
}

async function refresh(options: TokenStepOptions, asked: Asked, exchange: TokenExchange, spentHash: string) {
  const { records, refreshAnswers, leases, graceMs, now, log } = options
  // Nobody waits in line with a token that does not exist.
  if (!(await records.find('RefreshToken', spentHash))) return exchange.run()

  /** The answer that this token was spent for; undefined: none, too late, or its successor has been used. */
  const keptAnswer = async (): Promise<string | undefined> => {
    const spent = await records.find('RefreshToken', spentHash)
    if (spent?.consumedAt === undefined || now() >= spent.consumedAt + graceMs) return undefined
    const kept = await refreshAnswers.find(spentHash)
    const successor = kept && (await records.find('RefreshToken', kept.successorHash))
    return successor && successor.consumedAt === undefined ? kept.answer : undefined
  }

  const rotate = async (run: RefreshRun, lost: AbortSignal) => {
    await exchange.run()
    if (!run.isSpent) return
    const { successorHash } = run
    if (exchange.status() !== 200 || successorHash === undefined || lost.aborted) {
      await undo(records, run)
      if (exchange.status() === 200) exchange.answer(503, BUSY)
      return
    }
    // In this order no crash leaves a spent token without its answer: before the last write the token is as good as new.
    if (graceMs > 0) {
      const answer = JSON.stringify(exchange.body())
      await refreshAnswers.keep({ idHash: spentHash, successorHash, answer, expiresAt: now() + graceMs })
    }
    if (await records.consume('RefreshToken', spentHash)) return
    await undo(records, run)
    exchange.answer(400, { error: 'invalid_grant', error_description: 'This sign-in has ended. Sign in again.' })
  }

  await leases.run(`refresh:${spentHash}`, LEASE_MS, async ({ lost }) => {
    const kept = await keptAnswer()
    const run: RefreshRun = {
      spentHash,
      mode: kept === undefined ? 'rotate' : 'replay',
      isSpent: false,
      successorHash: undefined,
      written: [],
    }
    asked.refresh = run
    if (kept === undefined) return rotate(run, lost)
    await exchange.run()
    if (exchange.status() !== 200) return
    log.info('authorization:refresh_repeated', { client: exchange.clientId() })
    exchange.answer(200, JSON.parse(kept))
  })
}

const BUSY = { error: 'temporarily_unavailable', error_description: 'The refresh could not be completed. Try again.' }

async function undo(records: RecordStore, run: RefreshRun): Promise<void> {
  for (const { kind, idHash } of run.written) await records.remove(kind, idHash)
}

/** Of a code that is not known any more: the engine looks for a redirect URI before it looks for the code. */
const NO_URI = 'about:blank'

async function redeem(options: TokenStepOptions, asked: Asked, exchange: TokenExchange, codeHash: string) {
  const { records, grants, clients, log } = options
  const before = await records.find('AuthorizationCode', codeHash)
  const { redirectUri = NO_URI } = before?.payload ?? {}
  // Clients of OAuth 2.1 send none here (section 10.2): the verifier binds the code to who asked for it.
  if (asked.form && !asked.form.has('redirect_uri'))
    exchange.send(new URLSearchParams([...asked.form, ['redirect_uri', String(redirectUri)]]))
  await exchange.run()
  const clientId = exchange.clientId()
  if (exchange.status() === 200 && clientId !== undefined) {
    // The code is spent: its tokens go to the client whatever becomes of this.
    await clients.used(clientId).catch((thrown) => log.warn('authorization:use_not_noted', { code: thrown?.code }))
    return
  }
  // Who is not known as a client yet (401) may not end what another one began; a fault of ours (5xx) ends nothing.
  if (exchange.status() !== 400 || clientId === undefined || before?.grantId === undefined) return
  if (!(await records.consume('AuthorizationCode', codeHash))) return
  await grants.end(before.grantId, 'client')
  log.warn('authorization:code_refused', { client: clientId })
}
