// The way to the server: its name, its port.
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
  async run(patient, facts) {
    const host = bareHost(urlOf(patient))
    if (facts.proxied) return skip('The proxy looks the name up.')
    try {
      const addresses = await lookup(host, { all: true })
      return pass(`${host} is ${addresses.map(({ address }) => address).join(', ')}.`)
    } catch (thrown) {
      const { code } = thrown as NodeJS.ErrnoException
      facts.down = true
      const remedy = 'Check the spelling of the server URL, the network, a VPN that may be needed, and the DNS server.'
      return fail(
        'server_unreachable',
        `MCP server unreachable: the name ${quote(host)} has no address (${code}).`,
        remedy,
      )
    }
  },
}

export const tcp: Check = {
  name: 'tcp',
  about: 'server',
  async run(patient, facts, signal) {
    if (facts.proxied) return skip('The proxy makes the connection.')
    if (facts.down) return skip('The name has no address.')
    const url = urlOf(patient)
    const to = { host: bareHost(url), port: portOf(url) }
    const outcome = await dial(to, patient.config.connectTimeoutMs || 10_000, signal)
    if (outcome === 'open') return pass(`${url.host} takes connections.`)
    facts.down = true
    if (outcome === 'timeout') {
      const remedy = 'Check a firewall or VPN on the way; raise connect_timeout if the server is far away.'
      return fail(
        'server_timeout',
        `MCP server timeout: ${url.host} took no connection within ${patient.config.connectTimeoutMs} ms.`,
        remedy,
      )
    }
    const remedy =
      'Start the server, or correct the host and port of its URL (mcp_server_url). In a container, localhost is the container itself.'
    return fail('server_unreachable', `MCP server unreachable: ${url.host} takes no connection (${outcome}).`, remedy)
  },
}
