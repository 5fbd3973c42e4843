// Checks whether the server can be reached: its name and its port.
import { lookup } from 'node:dns/promises'
import { bareHost } from '../../bareHost.ts'
import { quote } from '../../redaction/text.ts'
import type { Check, CheckContext } from '../report/context.ts'
import { dial, portOf } from '../report/dial.ts'
import { fail, pass, skip } from '../report/finding.ts'

const urlOf = ({ server }: CheckContext) => new URL(server?.url ?? '')

export const dns: Check = {
  name: 'dns',
  about: 'server',
  limitMs: 10_000,
  async run(context, findings) {
    const host = bareHost(urlOf(context))
    if (findings.proxied) return skip('The proxy resolves the name.')
    try {
      const addresses = await lookup(host, { all: true })
      return pass(`${host} resolves to ${addresses.map(({ address }) => address).join(', ')}.`)
    } catch (thrown) {
      const { code } = thrown as NodeJS.ErrnoException
      findings.down = true
      const remedy = 'Check the spelling of the server URL, the network, the VPN and the DNS server.'
      return fail(
        'server_unreachable',
        `MCP server unreachable: the name ${quote(host)} does not resolve (${code}).`,
        remedy,
      )
    }
  },
}

export const tcp: Check = {
  name: 'tcp',
  about: 'server',
  async run(context, findings, signal) {
    if (findings.proxied) return skip('The proxy makes the connection.')
    if (findings.down) return skip('The name does not resolve.')
    const url = urlOf(context)
    const to = { host: bareHost(url), port: portOf(url) }
    const outcome = await dial(to, context.config.connectTimeoutMs || 10_000, signal)
    if (outcome === 'open') return pass(`${url.host} accepts connections.`)
    findings.down = true
    if (outcome === 'timeout') {
      const remedy = 'Check the firewall and the VPN; raise connect_timeout if the server is far away.'
      return fail(
        'server_timeout',
        `MCP server timeout: ${url.host} did not accept a connection within ${context.config.connectTimeoutMs} ms.`,
        remedy,
      )
    }
    const remedy =
      'Start the server, or correct the host and port of its URL (mcp_server_url). Inside a container, localhost is the container itself.'
    return fail(
      'server_unreachable',
      `MCP server unreachable: ${url.host} does not accept connections (${outcome}).`,
      remedy,
    )
  },
}
