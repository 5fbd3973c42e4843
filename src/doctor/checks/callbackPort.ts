// Checks whether the callback port is free, ours, or in use: by connecting to it, so that no sign-in is disturbed.
import { readFileSync } from 'node:fs'
import { callbackLease } from '../../auth/client/registrationRequest.ts'
import { bareHost } from '../../bareHost.ts'
import { ownCommand } from '../../ownCommand.ts'
import { portHolder } from '../../system/process/portOwner.ts'
import type { Check } from '../report/context.ts'
import { dial } from '../report/dial.ts'
import { fail, type Outcome, pass, skip, warn } from '../report/finding.ts'

export const callbackPort: Check = {
  name: 'callback_port',
  about: 'machine',
  async run({ config: { callbackUrls, isGateway, postgres }, server }, { look }) {
    if (isGateway || postgres) return skip(`The gateway answers there. To check it: ${ownCommand('check-config')}`)
    const [redirect = ''] = callbackUrls
    const { host } = new URL(redirect)
    const outcome = await judgePort(redirect)
    if (outcome.status !== 'warn') return outcome
    if (await look?.leases.isHeld(callbackLease(redirect)))
      return pass(`${host} is used by a pending sign-in of mcp-oauth-bridge.`)
    if (server?.clientId === undefined || callbackUrls.length > 1) return outcome
    return fail(
      'port_in_use',
      outcome.detail,
      'Stop that program, or set callback_url to another port that is registered with the provider.',
    )
  },
}

/** A port in use is a warning: it may be a sign-in of ours, and it may be free again when it is needed. */
export async function judgePort(redirect: string): Promise<Outcome> {
  const url = new URL(redirect)
  const port = Number(url.port || 80)
  const hosts = url.hostname === 'localhost' ? ['127.0.0.1', '::1'] : [bareHost(url)]
  const taken = (await Promise.all(hosts.map((host) => dial({ host, port }, 1_000)))).includes('open')
  if (taken) {
    const holder = (await portHolder(port)) ?? 'another program'
    const remedy = 'A neighboring port will be used. To use this one, stop that program.'
    return warn(`The callback address ${url.host} is in use by ${holder}.`, remedy, 'port_in_use')
  }
  // Not "free": Windows has no ports for root, but reserves others, which only listening would show.
  if (process.platform === 'win32') return pass(`Nothing answers at ${url.host}.`)
  if (process.getuid?.() === 0 || port >= lowestFreePort()) return pass(`${url.host} is free.`)
  return fail(
    'port_in_use',
    `Permission denied: port ${port} can only be used by root.`,
    'Set callback_url to a port of 1024 or higher, such as 8080, and register it with the provider.',
  )
}

/** Linux lets an administrator change it (ip(7)); elsewhere 1024. */
function lowestFreePort(): number {
  try {
    return Number(readFileSync('/proc/sys/net/ipv4/ip_unprivileged_port_start', 'utf8'))
  } catch {
    return 1024
  }
}
