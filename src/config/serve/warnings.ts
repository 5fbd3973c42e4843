// What a gateway's settings allow although it is rarely meant: for check-config, and for the start of serve.
import { isIP } from 'node:net'
import type { Access, ServeSettings } from '../../gateway/settings.ts'
import { quote } from '../../redaction/text.ts'
import { isLoopback } from '../../secureUrl.ts'
import type { ConfigFile } from '../file/schema.ts'
import { certificateWarnings } from './certificate.ts'
import { redirectUrisToRegister } from './redirectUris.ts'

/** A sentence each, without a full stop. */
export function serveWarnings(file: ConfigFile, settings: ServeSettings): string[] {
  const { access, servers, listen, tls, trustedProxies, cors } = settings
  const open = [
    ...(access === 'everyone' ? ['serve.access'] : []),
    ...servers.flatMap(({ name, access: own }) =>
      own === 'everyone' && name !== undefined ? [`servers.${name}.access`] : [],
    ),
  ]
  const hidden = [
    ...(file.response_transform?.hide_tools?.length ? ['response_transform.hide_tools'] : []),
    ...servers.flatMap(({ name }) =>
      name !== undefined && file.servers?.[name]?.hide_tools?.length ? [`servers.${name}.hide_tools`] : [],
    ),
  ]
  const unused = Object.entries(file.providers ?? {}).filter(([, entry]) => entry.client_id === undefined)
  return [
    ...(admits(access) ? [] : ['nobody may sign in: serve.access names no one']),
    ...open.map(
      (key) => `${key} is everyone: anyone who has an account at ${providersOf(settings)} may use the MCP servers`,
    ),
    ...(isOnLoopback(listen.host) || tls || trustedProxies.length > 0
      ? []
      : [
          `serve.listen is ${listen.host}, without serve.tls and without serve.trusted_proxies: tokens cross the network unprotected unless a proxy in front has the certificate`,
        ]),
    ...(promisesTls(settings)
      ? [
          `callback_url is https and the gateway listens there without serve.tls: ${settings.publicUrl} answers http only`,
        ]
      : []),
    ...certificateWarnings(tls),
    ...trustedProxies
      .filter((range) => /\/0*$/.test(range))
      .map((range) => `serve.trusted_proxies has ${range}: every client may say what its address is`),
    ...accessesOf(settings)
      .flatMap(({ key, rules }) => matchingNobody(rules).map((entry) => [key, entry] as const))
      .map(
        ([key, entry]) =>
          `${key} has ${quote(entry)}, which matches nobody: addresses and domains are written out, and everybody is access: everyone`,
      ),
    ...mixedUpWarnings(settings),
    ...unreadWarnings(file, settings),
    ...hidden.map((key) => `${key} has no effect in serve: every tool is shown`),
    ...(file.serve?.providers === undefined
      ? unused.map(([name]) => `providers.${name} has no client_id: nobody can sign in with it`)
      : []),
    ...(cors.enabled && cors.origins.length === 0
      ? ['cors.enabled is true and cors.origins is empty: no page may call']
      : []),
    ...(!cors.enabled && cors.origins.length > 0 ? ['cors.origins has no effect: cors.enabled is false'] : []),
  ]
}

/** What else is good to know, and is as it should be. */
export function serveNotes(file: ConfigFile, settings: ServeSettings): string[] {
  const { servers } = settings
  const redirects = redirectUrisToRegister(settings).map((line) => `Redirect URI to register at ${line}`)
  const isForwarded = file.header_forwarding?.forward_headers?.some((name) => name.toLowerCase() === 'authorization')
  if (!isForwarded) return redirects
  const each = servers.map(({ name, bearer }) => (name === undefined ? bearer : `${name}: ${bearer}`)).join(', ')
  return [
    ...redirects,
    `Authorization is forwarded as a bearer of the gateway's own (${each}), never the client's token`,
  ]
}

const admits = (access: Access | undefined): boolean =>
  access === 'everyone' || (access !== undefined && Object.values(access).some((list) => list.length > 0))

/** Entries that no verified address equals. */
const matchingNobody = (access: Access | undefined): string[] =>
  access === undefined || access === 'everyone'
    ? []
    : [
        ...access.emails.filter((email) => !/^[^@*\s]+@[^@*\s]+$/.test(email)),
        ...access.domains.filter((domain) => !/^@?[^@*\s/:]+$/.test(domain)),
      ]

interface AccessAt {
  readonly key: string
  readonly rules: Access | undefined
  /** The only one whose accounts come to these rules. */
  readonly provider: string | undefined
}

const accessesOf = ({ access, servers }: ServeSettings): AccessAt[] => [
  { key: 'serve.access', rules: access, provider: undefined },
  ...servers.map(({ name, access: own, provider }) => ({ key: `servers.${name}.access`, rules: own, provider })),
]

/** Their accounts have no groups. */
const WITHOUT_GROUPS = ['google', 'github']

/** Where accounts of two providers count as one: a subject or a group means something at its own provider only. */
function mixedUpWarnings(settings: ServeSettings): string[] {
  const { providers, servers, userHeaders } = settings
  if (providers.length < 2) return []
  const where = providersOf(settings)
  const listed = accessesOf(settings).flatMap(({ key, rules, provider }) =>
    rules === undefined || rules === 'everyone' || provider !== undefined ? [] : [{ key, ...rules }],
  )
  const open = servers.filter(({ provider }) => provider === undefined)
  const at = open.map(({ name }) => (name === undefined ? 'mcp_server_url' : `servers.${name}`)).join(' and ')
  const withGroups = providers.filter(({ name }) => !WITHOUT_GROUPS.includes(name)).map(({ name }) => name)
  return [
    ...listed
      .filter(({ subjects }) => subjects.some((subject) => !subject.includes('#')))
      .map(
        ({ key }) => `${key}.subjects admits who has such a subject at ${where}: write issuer#subject for one person`,
      ),
    ...listed
      .filter(({ groups }) => groups.length > 0 && withGroups.length > 1)
      .map(
        ({ key }) =>
          `${key}.groups counts groups of these names at ${withGroups.join(' or ')}, whoever made them there`,
      ),
    ...Object.entries(userHeaders)
      .filter(([, claim]) => claim === 'sub' && open.length > 0)
      .map(
        ([header]) =>
          `${header} can be the same for two persons, of ${where}, at ${at}: set servers.<name>.provider, or let the server go by the sub of the assertion`,
      ),
  ]
}

/** What the bridge reads of a provider, and `serve` does not; what says the same as `serve` does anyway is no matter. */
const unreadWarnings = (file: ConfigFile, { providers }: ServeSettings): string[] =>
  providers.flatMap(({ name }) => {
    const { resource = 'none', bearer } = file.providers?.[name] ?? {}
    return [
      ...(resource === 'none'
        ? []
        : [`providers.${name}.resource has no effect in serve: no resource is named to a provider`]),
      ...(bearer === 'id_token'
        ? [
            `providers.${name}.bearer is id_token, which has no effect in serve: servers.<name>.bearer says what a server gets`,
          ]
        : []),
    ]
  })

const providersOf = ({ providers }: ServeSettings) => providers.map(({ name }) => name).join(' or ')

/** Of another port, or another machine, somebody in front may have the certificate. */
const promisesTls = ({ publicUrl, listen, tls }: ServeSettings): boolean => {
  const { protocol, hostname, port } = new URL(publicUrl)
  return protocol === 'https:' && !tls && isLoopback(hostname) && Number(port || 443) === listen.port
}

const isOnLoopback = (host: string) => isLoopback(isIP(host) === 6 ? `[${host}]` : host)
