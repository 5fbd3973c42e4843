// Checks whether the callback port is free, ours, or in use: by connecting to it, so that no sign-in is disturbed.
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { portHolder } from '../../system/process/portOwner.ts'
import type { Check } from '../report/context.ts'
import { fail, pass, warn } from '../report/finding.ts'

export const callbackPort: Check = {
  name: 'callback_port',
  about: 'machine',
  async run({ config: { callbackUrls }, server }, { look }) {
    const [redirect = ''] = callbackUrls
    const url = new URL(redirect)
    const port = Number(url.port || 80)
    const hosts = url.hostname === 'localhost' ? ['127.0.0.1', '::1'] : [url.hostname.replace(/^\[|\]$/g, '')]
    const taken = (await Promise.all(hosts.map((host) => answers(host, port)))).some(Boolean)
    if (!taken) {
      if (process.getuid?.() !== 0 && port < lowestFreePort())
        return fail(
          'port_in_use',
          `Permission denied: port ${port} can only be used by root.`,
          'Set callback_url to a port of 1024 or higher, such as 8080, and register it with the provider.',
        )
      return pass(`${url.host} is free.`)
    }
    if (await look?.leases.isHeld(`callback:${redirect}`))
      return pass(`${url.host} is used by a pending sign-in of mcp-oauth-bridge.`)
    const holder = (await portHolder(port)) ?? 'another program'
    const text = `${url.host} is in use by ${holder}.`
    if (server?.clientId !== undefined && callbackUrls.length === 1)
      return fail(
        'port_in_use',
        text,
        'Stop that program, or set callback_url to another port that is registered with the provider.',
      )
    return warn(text, 'The next free port will be used. To use this one, stop that program.', 'port_in_use')
  },
}

function answers(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port })
    const settle = (answer: boolean) => {
      socket.destroy()
      resolve(answer)
    }
    socket.setTimeout(1_000, () => settle(false))
    socket.once('connect', () => settle(true))
    socket.once('error', () => settle(false))
  })
}

/** Linux lets an administrator change it (ip(7)); elsewhere 1024. */
function lowestFreePort(): number {
  try {
    return Number(readFileSync('/proc/sys/net/ipv4/ip_unprivileged_port_start', 'utf8'))
  } catch {
    return 1024
  }
}
