// Checks discovery exactly as a sign-in performs it, in three steps.
import type { AuthorizationServerMetadata } from '../../auth/discovery/authorizationServer.ts'
import { isDefault } from '../../auth/discovery/ownMetadata.ts'
import { discover } from '../../auth/discovery/protectedResource.ts'
import { bareHost } from '../../bareHost.ts'
import { asBridgeError, type BridgeError, ERRORS, type ErrorCode } from '../../errors.ts'
import type { Challenge } from '../../records.ts'
import { quote } from '../../redaction/text.ts'
import type { Check, CheckContext, Findings } from '../report/context.ts'
import { fail, failed, type Outcome, pass, skip, warn } from '../report/finding.ts'
import { exceptionsUsed, listsS256 } from './exceptions.ts'

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
  async run(context, findings) {
    if (!findings.answer) return skip('The server does not answer.')
    const found = await find(context, findings)
    if (findings.discoveryFailure?.about === 'resource') return findings.discoveryFailure
    if (found?.resource !== undefined && found.resource === context.server?.exceptions.trusted_resource)
      return warn(
        `The metadata names the resource ${quote(found.resource)}, which trusted_resource allows.`,
        'Ask its owner to write the address that clients use; then remove trusted_resource from config.yaml.',
        'resource_mismatch',
      )
    if (found?.resource !== undefined) return pass(`The metadata names the resource ${quote(found.resource)}.`)
    if (findings.answer.status !== 401) return skip('The server does not require a sign-in.')
    if (found === undefined) return skip('See the next check.')
    if (context.server?.issuer !== undefined)
      return pass('The server does not publish any; the configured issuer is used.')
    const isOwn = new URL(found.issuer).origin === new URL(context.server?.url ?? found.issuer).origin
    return warn(
      isOwn
        ? 'The server does not publish any; its own origin is used as the authorization server.'
        : `The server does not publish which resource it is; it names the authorization server ${quote(found.issuer)}.`,
      'Tell its owner about RFC 9728, or set issuer for its provider.',
    )
  },
}

/** Fills in the findings: the metadata, or why there is none. */
async function find({ server, guarded, reach, rules }: CheckContext, findings: Findings) {
  if (!server || !findings.answer) return undefined
  const { challenge } = findings.answer
  const { allow_missing_s256, trusted_issuers, trusted_resource } = server.exceptions
  const options = {
    http: await guarded(),
    server: new URL(server.url),
    serverHeaders: server.headers,
    issuer: server.issuer,
    allowHttp: server.allowHttp,
    allowMissingS256: allow_missing_s256 === true,
    trustedIssuers: trusted_issuers ?? [],
    trustedResource: trusted_resource,
    rules: await rules(),
  }
  try {
    const found = await discover(options, challenge)
    await (await reach())?.check(new URL(found.metadata.authorization_endpoint))
    findings.metadata = found.metadata
    findings.issuer = found.issuer
    return found
  } catch (thrown) {
    const error = asBridgeError(thrown)
    findings.discoveryFailure = { ...failed(error), about: aboutOf(error, challenge) }
    return undefined
  }
}

function aboutOf({ code, details }: BridgeError, { resourceMetadata = '' }: Challenge) {
  if (code === 'pkce_unsupported') return 'pkce'
  if (OF_SERVER.includes(code)) return 'server'
  if (code !== 'address_refused') return 'resource'
  const named = URL.canParse(resourceMetadata) ? bareHost(new URL(resourceMetadata)) : ''
  return details.host === quote(named) ? 'resource' : 'server'
}

export const authorizationServer: Check = {
  name: 'authorization_server_metadata',
  about: 'server',
  async run(context, findings, signal) {
    const { server, rules } = context
    const { metadata, issuer, discoveryFailure: failure, answer } = findings
    if (server && metadata && issuer !== undefined) {
      if (isDefault(metadata) && (await isMissing(context, metadata, signal))) {
        // Later checks would take the guess for a fact.
        delete findings.metadata
        return fail(
          'discovery_failed',
          `The server publishes no metadata, and ${metadata.authorization_endpoint}, where MCP 2025-03-26 expects the sign-in, does not exist.`,
          NO_ENDPOINTS,
        )
      }
      const ofIssuer = (await rules())(issuer)
      const used = await exceptionsUsed({ server, metadata, issuer, challenge: answer?.challenge, rules: ofIssuer })
      const [first] = used
      if (first) return warn(used.map(({ text }) => text).join(' '), first.remedy, first.code)
      const { name } = (await rules())(metadata.issuer)
      const provider = name === undefined ? '' : ` The built-in ${name} preset is used.`
      return pass(`The issuer ${quote(metadata.issuer)} publishes metadata with the same issuer.${provider}`)
    }
    if (failure?.about === 'pkce') return pass('The metadata names the right issuer.')
    if (failure?.about === 'server')
      // A server that does not require a sign-in needs no metadata.
      return answer?.status === 401 ? failure : skip('The server does not require a sign-in.')
    return skip(answer ? 'The check of the protected-resource metadata failed.' : 'The server does not answer.')
  },
}

const NO_ENDPOINTS =
  'Check that the URL is the MCP endpoint. If the server wants a key instead of a sign-in, pass it with --header-file. Otherwise set issuer of its provider in config.yaml.'

/** Whether the guessed authorization endpoint is not there; one that refuses this request without a client exists. */
async function isMissing({ guarded }: CheckContext, metadata: AuthorizationServerMetadata, signal: AbortSignal) {
  const url = new URL(metadata.authorization_endpoint)
  const http = await guarded()
  const request = { method: 'GET', url, headers: {}, idleMs: 10_000, signal, redirect: 'manual' } as const
  const status = await http.request(request).then(
    (response) => {
      response.discard()
      return response.status
    },
    () => undefined,
  )
  return status === 404 || status === 405 || status === 410
}

export const pkce: Check = {
  name: 'pkce',
  about: 'server',
  async run({ server, rules }, { metadata, discoveryFailure }): Promise<Outcome> {
    if (metadata && listsS256(metadata)) return pass('S256 is advertised.')
    if (metadata && isDefault(metadata))
      return warn(
        'There is no metadata that could list S256; it is sent.',
        'Ask its owner to publish metadata (RFC 8414) with code_challenge_methods_supported.',
      )
    const { name } = metadata ? (await rules())(metadata.issuer) : {}
    if (metadata && server?.exceptions.allow_missing_s256 !== true)
      return pass(`S256 is not advertised; ${name ?? 'the provider'} is known to support it, so it is used.`)
    if (metadata)
      return warn(
        'S256 is not advertised; it is used anyway because allow_missing_s256 is set.',
        ERRORS.pkce_unsupported.hint,
        'pkce_unsupported',
      )
    return discoveryFailure?.about === 'pkce' ? discoveryFailure : skip('No metadata was found.')
  },
}
