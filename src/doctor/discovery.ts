// From the server to its authorization server, exactly as a sign-in finds it, told in three checks.
import { discover } from '../auth/discovery.ts'
import { asBridgeError, type ErrorCode, quote } from '../errors.ts'
import { failed, type Outcome, pass, skip, warn } from './finding.ts'
import type { Check, Facts, Patient } from './patient.ts'

const OF_SERVER: readonly ErrorCode[] = [
  'issuer_mismatch',
  'discovery_failed',
  'authorization_server_unreachable',
  'authorization_server_error',
]

export const protectedResource: Check = {
  name: 'protected_resource_metadata',
  about: 'server',
  limitMs: 25_000,
  async look(patient, facts) {
    if (!facts.answer) return skip('The server does not answer.')
    const found = await find(patient, facts)
    if (facts.discoveryFailure?.about === 'resource') return facts.discoveryFailure
    if (found?.resource !== undefined) return pass(`It names the resource ${quote(found.resource)}.`)
    if (facts.answer.status !== 401) return skip('The server asks for no sign-in.')
    if (found === undefined) return skip('See the next check.')
    return warn(
      'The server publishes none; its own origin is taken for the authorization server.',
      'Tell its owner about RFC 9728, or set issuer for its provider.',
    )
  },
}

/** Fills in the facts: the metadata, or why there is none. */
async function find({ server, http }: Patient, facts: Facts) {
  if (!server || !facts.answer) return undefined
  const options = {
    http,
    server: new URL(server.url),
    serverHeaders: server.headers,
    issuer: server.issuer,
    allowHttp: server.allowHttp,
  }
  try {
    const found = await discover(options, facts.answer.challenge)
    facts.metadata = found.metadata
    return found
  } catch (thrown) {
    const error = asBridgeError(thrown)
    const about = error.code === 'pkce_unsupported' ? 'pkce' : OF_SERVER.includes(error.code) ? 'server' : 'resource'
    facts.discoveryFailure = { ...failed(error), about }
    return undefined
  }
}

export const authorizationServer: Check = {
  name: 'authorization_server_metadata',
  about: 'server',
  async look(_patient, facts) {
    const { metadata, discoveryFailure: failure, answer } = facts
    if (metadata) return pass(`The issuer ${quote(metadata.issuer)} publishes its metadata under that name.`)
    if (failure?.about === 'pkce') return pass('It publishes metadata with the right issuer.')
    if (failure?.about === 'server')
      // A server that asks for no sign-in needs none.
      return answer?.status === 401 ? failure : skip('The server asks for no sign-in.')
    return skip(answer ? 'The protected-resource metadata failed.' : 'The server does not answer.')
  },
}

export const pkce: Check = {
  name: 'pkce',
  about: 'server',
  async look(_patient, { metadata, discoveryFailure }): Promise<Outcome> {
    if (metadata) return pass('S256 is advertised; this program uses nothing else.')
    return discoveryFailure?.about === 'pkce' ? discoveryFailure : skip('There is no metadata.')
  },
}
