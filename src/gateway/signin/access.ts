// Who may sign in: the rules of `access` applied to what a provider says of a person, as far as its word counts
import { BridgeError } from '../../errors.ts'
import type { User } from '../../records.ts'
import type { Access, ServedServer } from '../settings.ts'

/** A provider, as far as access depends on it. */
export interface AccessProvider {
  readonly name: string
  /** As `issuer` of its persons. */
  readonly issuer: string
  /** Whose claims it gives: tenants are Microsoft's, organisations GitHub's. */
  readonly kind: 'microsoft' | 'github' | 'other'
}

export interface AccessOptions {
  /** Of the gateway. Undefined: nobody may sign in. */
  readonly access: Access | undefined
  readonly providers: readonly AccessProvider[]
}

/** @throws BridgeError access_not_granted, with the reason, where this person may not use the server; `undefined`: no certain server */
export type CheckAccess = (user: User, server: ServedServer | undefined) => void

/** The gateway's rules and the server's own both have to let a person in. */
export function createAccess({ access, providers }: AccessOptions): CheckAccess {
  return (user, server) => {
    if (access === undefined)
      throw new BridgeError('access_not_granted', {
        message: 'Nobody may sign in to this gateway: it has no access rules.',
        hint: 'Ask the operator to set serve.access in config.yaml.',
      })
    if (!isOfProvider(user, providers, server)) throw ofAnotherProvider(server)
    const known = factsOf(user, providers)
    if (!lets(access, known)) throw refused(known, 'this gateway')
    if (server?.access !== undefined && !lets(server.access, known)) throw refused(known, 'this server')
  }
}

/** Also long after the sign-in: a provider may have been taken out of the configuration, or a server moved to another one. */
const isOfProvider = ({ issuer }: User, providers: readonly AccessProvider[], server: ServedServer | undefined) =>
  providers.some((one) => one.issuer === issuer && (server?.provider === undefined || server.provider === one.name))

const ofAnotherProvider = (server: ServedServer | undefined) =>
  new BridgeError('access_not_granted', {
    message: `The account that signed in is of a provider that ${server?.provider === undefined ? 'this gateway' : 'this server'} does not use, or no longer uses.`,
    hint: 'Sign in again: remove the sign-in for this server in your client, then connect anew.',
  })

/** The one rule for addresses: the one that access counts is the one that servers are told. As its provider writes it. */
export const createEmailOf =
  (providers: readonly AccessProvider[]) =>
  (user: User): string | undefined =>
    countingEmail(user, kindOf(user, providers))

/** What counts of a person. */
interface Facts {
  readonly subjects: readonly string[]
  /** Lower case, verified; undefined: none that counts. */
  readonly email: string | undefined
  readonly groups: readonly string[]
  readonly tenant: string | undefined
  readonly organisations: readonly string[]
  /** Why no e-mail address counts, for the person. */
  readonly withoutEmail: string
}

const kindOf = ({ issuer }: User, providers: readonly AccessProvider[]): AccessProvider['kind'] =>
  providers.find((provider) => provider.issuer === issuer)?.kind ?? 'other'

function factsOf(user: User, providers: readonly AccessProvider[]): Facts {
  const { issuer, subject, claims } = user
  const kind = kindOf(user, providers)
  const isMicrosoft = kind === 'microsoft'
  const isShared = isMicrosoft && isSharedEndpoint(issuer)
  const email = countingEmail(user, kind)
  const { oid, tid } = claims
  const named = [subject, ...(isMicrosoft && typeof oid === 'string' ? [oid] : [])]
  return {
    subjects: named.flatMap((name) => [name, `${issuer}#${name}`]),
    email: email === undefined ? undefined : lowered(email),
    // In a tenant of their own, anybody can make a group of any name.
    groups: isShared ? [] : textsOf(claims.groups),
    tenant: isMicrosoft && typeof tid === 'string' ? lowered(tid) : undefined,
    organisations: kind === 'github' ? textsOf(claims.organisations).map(lowered) : [],
    withoutEmail: isShared
      ? 'An endpoint that all tenants of Microsoft share does not say who owns an e-mail address: only tenant and object id count.'
      : 'Its provider names no verified e-mail address.',
  }
}

function lets(access: Access, facts: Facts): boolean {
  if (access === 'everyone') return true
  const { email } = facts
  const domain = email?.slice(email.lastIndexOf('@') + 1)
  const has = (rules: readonly string[], value: string | undefined) =>
    value !== undefined && rules.map(lowered).includes(value)
  return (
    has(access.emails, email) ||
    has(access.domains.map(withoutAt), domain) ||
    access.subjects.some((wanted) => facts.subjects.includes(wanted)) ||
    access.groups.some((wanted) => facts.groups.includes(wanted)) ||
    has(access.tenants, facts.tenant) ||
    access.organisations.some((wanted) => facts.organisations.includes(lowered(wanted)))
  )
}

/** These answer for every tenant, and the last one for every personal account (its id is that of their tenant). */
const SHARED = ['common', 'organizations', 'consumers', '9188040d-6c67-4c5b-b112-36a304b66dad']

const isSharedEndpoint = (issuer: string): boolean =>
  !URL.canParse(issuer) || SHARED.includes(lowered(new URL(issuer).pathname.split('/')[1] ?? ''))

/**
 * The address, where its provider says that it is verified (OpenID Connect Core section 5.1), and where it is a plain one: one `@`, no
 * quotes, ASCII only, so that no other letter can stand for one of these. `xms_edov`: Microsoft has verified the owner of the domain.
 */
function countingEmail({ issuer, claims }: User, kind: AccessProvider['kind']): string | undefined {
  if (kind === 'microsoft' && isSharedEndpoint(issuer)) return undefined
  const { email, email_verified: verified, xms_edov: owned } = claims
  const counts = isTrue(verified) || (kind === 'microsoft' && (isTrue(owned) || owned === 1 || owned === '1'))
  if (!counts || typeof email !== 'string' || email.length > 254) return undefined
  return PLAIN_ADDRESS.test(email) ? email : undefined
}

const isTrue = (value: unknown) => value === true || value === 'true'

/** `dot-atom@domain` (RFC 5322 section 3.4.1): a domain of letters, digits and hyphens. */
const PLAIN_ADDRESS =
  /^[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*@[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*$/

const textsOf = (value: unknown): string[] => [value].flat().filter((one): one is string => typeof one === 'string')

/** Only ASCII letters: beyond them, different letters would become equal, such as U+212A and k. */
const lowered = (text: string) => text.replace(/[A-Z]/g, (letter) => letter.toLowerCase())

/** `@example.com` is written too. */
const withoutAt = (domain: string) => domain.replace(/^@/, '')

function refused({ email, withoutEmail }: Facts, where: string): BridgeError {
  const reason = email === undefined ? ` ${withoutEmail}` : ''
  return new BridgeError('access_not_granted', {
    message: `The account that signed in may not use ${where}.${reason}`,
  })
}
