// The assertion: a JWT (RFC 7519, ES256) that tells one MCP server who calls, and is good nowhere else
import { randomUUID, sign } from 'node:crypto'
import type { Clock } from '../../../ports.ts'
import { present } from '../../../present.ts'
import type { Caller } from '../../ports.ts'
import type { ServedServer } from '../../settings.ts'
import type { SigningKeys } from './signingKeys.ts'

/** How long one is valid, and how long it is sent, so that none expires on its way. */
const LIFE_S = 5 * 60
const SENT_MS = 4 * 60_000
const MOST = 10_000
const LONGEST_NAME = 1_024

export interface AssertionsOptions {
  /** `iss`: the gateway's public URL. */
  readonly issuer: string
  readonly keys: Pick<SigningKeys, 'current'>
  readonly clock: Pick<Clock, 'now'>
  /** The person's address, where it counts. */
  readonly emailOf: (person: Caller['person']) => string | undefined
}

/** Gives the assertion about this caller for this server: `aud` is the server's own URL. */
export function createAssertions({ issuer, keys, clock, emailOf }: AssertionsOptions) {
  const made = new Map<string, Made>()
  /** By person, who is the same object for some seconds: an address is not judged with each call. */
  const known = new WeakMap<Caller['person'], Told>()
  const toldOf = (person: Caller['person']): Told => {
    const told = known.get(person) ?? { email: emailOf(person), name: nameOf(person) }
    known.set(person, told)
    return told
  }

  const make = async (served: ServedServer, { person, clientId }: Caller, told: Told) => {
    const { kid, key } = await keys.current()
    const iat = Math.floor(clock.now() / 1000)
    const claims = present({
      iss: issuer,
      aud: served.url,
      sub: person.id,
      ...told,
      client_id: clientId,
      iat,
      exp: iat + LIFE_S,
      jti: randomUUID(),
    })
    const text = `${encoded({ alg: 'ES256', typ: 'JWT', kid })}.${encoded(claims)}`
    // RFC 7518 section 3.4: the two numbers side by side, not in DER.
    const signature = sign('sha256', Buffer.from(text), { key, dsaEncoding: 'ieee-p1363' })
    return `${text}.${signature.toString('base64url')}`
  }

  return (served: ServedServer, caller: Caller): Promise<string> => {
    // A path and an id of ours have no space.
    const key = `${served.path} ${caller.person.id} ${caller.clientId}`
    const now = clock.now()
    const told = toldOf(caller.person)
    const last = made.get(key)
    if (last && isSent(last, now) && last.told.email === told.email && last.told.name === told.name) return last.jwt
    const entry = { jwt: make(served, caller, told), told, at: now }
    made.delete(key)
    made.set(key, entry)
    const [oldest] = made.keys()
    if (made.size > MOST && oldest !== undefined) made.delete(oldest)
    entry.jwt.catch(() => {
      if (made.get(key) === entry) made.delete(key)
    })
    return entry.jwt
  }
}

interface Made {
  readonly jwt: Promise<string>
  readonly told: Told
  readonly at: number
}

/** One that was made when the clock was ahead is not yet good for who has the right time. */
const isSent = ({ at }: Made, now: number) => at <= now && now < at + SENT_MS

/** What may change from one sign-in to the next. */
interface Told {
  readonly email: string | undefined
  readonly name: string | undefined
}

/** As for X-User-*: a longer one would make the request larger than servers take. */
const nameOf = ({ claims: { name } }: Caller['person']) =>
  typeof name === 'string' && name.length <= LONGEST_NAME ? name : undefined

const encoded = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
