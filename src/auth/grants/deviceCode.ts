// Sign-in by device code (RFC 8628): shows a code to type in any browser, and polls until the person has done so.
import { asBridgeError, BridgeError, isTransient } from '../../errors.ts'
import type { Clock } from '../../ports.ts'
import { present } from '../../present.ts'
import type { Attempt } from '../../records.ts'
import { quote } from '../../redaction/text.ts'
import { isSecure } from '../../secureUrl.ts'
import type { Clients } from '../client/clients.ts'
import type { OAuthClient } from '../oauth/client.ts'
import { newDpopKey } from '../oauth/dpop.ts'
import { idTokenNeed } from '../oauth/idToken.ts'
import { type AskedFor, type BearerSource, newTokenSet, type TokenResponse } from '../tokens/tokenSet.ts'
import { logIdToken } from './account.ts'
import { type CompleteOptions, completeSignIn } from './complete.ts'
import { type AuthRequest, type RequestOptions, requestFor, requestParameters } from './request.ts'

export interface DeviceCodeOptions extends RequestOptions, CompleteOptions {
  readonly clients: Clients
  readonly clock: Clock
  /** E-mail or subject that must sign in. */
  readonly account: string | undefined
  readonly bearer: BearerSource
  /** Names the registered client that asks; nothing is redirected. */
  readonly redirectUri: string
  readonly audience: string | undefined
}

export interface DeviceSignIn {
  readonly userCode: string
  /** Where the person types the code. */
  readonly verificationUri: string
  /** The same with the code in it, if the server sends one. */
  readonly verificationUriComplete: string | undefined
  /** ms since the epoch */
  readonly expiresAt: number
  /** Resolves when the tokens are stored and the attempt is finished. @throws BridgeError, or `signal.reason` */
  complete(signal: AbortSignal): Promise<void>
}

export interface DeviceCodeFlow {
  /** @throws BridgeError device_unsupported, and what discovery and the authorization server say */
  start(attempt: Attempt): Promise<DeviceSignIn>
}

/** The interval if the server names none, and the time that slow_down adds (RFC 8628 sections 3.2 and 3.5), in ms. */
const INTERVAL_MS = 5_000
const SLOW_DOWN_MS = 5_000
const LONGEST_INTERVAL_MS = 60_000
/** A person types the code, and an address fits a browser and a QR code. */
const LONGEST_CODE = 64
const LONGEST_ADDRESS = 2_000

export function createDeviceCodeFlow(options: DeviceCodeOptions): DeviceCodeFlow {
  const { clients, clock } = options

  const wishes = ({ rules, resource }: AuthRequest) => ({
    audience: options.audience ?? (rules.audience === 'resource' ? resource : undefined),
  })

  return {
    async start(attempt) {
      const asked = await requestFor(options, new URL(attempt.server), attempt.challenge, 'person')
      const { issuer, metadata, scope, resource } = asked
      if (metadata.device_authorization_endpoint === undefined) throw new BridgeError('device_unsupported')
      await clients.remember(issuer, asked.published)
      const client = await clients.forSignIn(metadata, options.redirectUri, issuer, requestParameters(asked))
      const { redirectUri = options.redirectUri } = client
      const dpopKey = asked.binding === 'dpop' ? newDpopKey() : undefined
      const oauth = await clients.connect(issuer, client, { metadata, dpopKey })
      const device = await oauth.deviceAuthorization({ ...wishes(asked), scope, resource })
      const given: AskedFor = {
        issuer,
        clientId: client.clientId,
        redirectUri,
        ...requestParameters(asked),
        ...present({ dpopKey }),
      }
      if (device.user_code.length > LONGEST_CODE)
        throw new BridgeError('login_failed', {
          message: 'The authorization server sent a user code that cannot be typed.',
        })
      const verificationUri = await checkedAddress(device.verification_uri, options)
      const complete = device.verification_uri_complete
      const verificationUriComplete = complete === undefined ? undefined : await checkedAddress(complete, options)
      const expiresAt = Math.min(clock.now() + device.expires_in * 1000, attempt.expiresAt)
      return {
        userCode: device.user_code,
        verificationUri,
        verificationUriComplete,
        expiresAt,
        async complete(signal) {
          const intervalMs = device.interval === undefined ? INTERVAL_MS : device.interval * 1000
          const poll = { oauth, deviceCode: device.device_code, intervalMs, expiresAt, resource }
          const answer = await untilApproved(options, poll, signal)
          logIdToken(options.log, issuer, answer)
          await completeSignIn(
            options,
            attempt,
            newTokenSet(given, answer, clock.now(), options.bearer),
            options.account,
          )
        },
      }
    },
  }
}

interface Poll {
  readonly oauth: OAuthClient
  readonly deviceCode: string
  readonly intervalMs: number
  readonly expiresAt: number
  readonly resource: string | undefined
}

/** After a transient failure, polls again at twice the interval (RFC 8628 section 3.5). @throws BridgeError login_timed_out, access_denied, … */
async function untilApproved(options: DeviceCodeOptions, poll: Poll, signal: AbortSignal): Promise<TokenResponse> {
  const { clock, log, claims } = options
  const parameters = { device_code: poll.deviceCode, resource: poll.resource }
  const need = idTokenNeed(options)
  for (let wait = poll.intervalMs; ; ) {
    const left = poll.expiresAt - clock.now()
    await clock.sleep(Math.min(wait, left), signal)
    // A timer may end a moment early.
    if (wait >= left || clock.now() >= poll.expiresAt) throw new BridgeError('login_timed_out')
    const answer = await poll.oauth.pollDevice(parameters, claims, need).catch((thrown: unknown) => {
      const error = asBridgeError(thrown)
      // The device code is spent where tokens came.
      if (!isTransient(error) || error.details.grantSpent === true) throw error
      log.warn('oauth:device', { outcome: 'failed', code: error.code, again: true })
      return 'unreachable' as const
    })
    signal.throwIfAborted()
    if (typeof answer === 'object') return answer
    if (answer === 'slow_down') wait += SLOW_DOWN_MS
    if (answer === 'unreachable') wait = Math.min(wait * 2, LONGEST_INTERVAL_MS)
  }
}

/** The address is printed and shown as a QR code, so it must be safe to open. @throws BridgeError discovery_failed, address_refused */
async function checkedAddress(address: string, { allowHttp, checkAddress }: RequestOptions): Promise<string> {
  if (address.length > LONGEST_ADDRESS || !URL.canParse(address) || !isSecure(new URL(address), allowHttp))
    throw new BridgeError('discovery_failed', {
      message: `The verification address of the authorization server, ${quote(address)}, is neither https nor on loopback.`,
      hint: 'Sign in with the browser instead: mcp-oauth-bridge login --force. Tell the server’s owner about that address.',
    })
  const url = new URL(address)
  await checkAddress?.(url)
  return url.href
}
