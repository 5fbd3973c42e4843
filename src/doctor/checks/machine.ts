// Checks this machine: versions, settings, proxy variables, browser.
import { bareHost } from '../../bareHost.ts'
import { asBridgeError } from '../../errors.ts'
import { withoutQueries } from '../../redaction/text.ts'
import { olderCopies } from '../../system/files/pinnedCopy.ts'
import { createProxyFor } from '../../system/http/proxy.ts'
import { namedPrograms, openerPath } from '../../system/person/browser.ts'
import { type Machine, thisMachine } from '../../system/process/programs.ts'
import type { Check } from '../report/context.ts'
import { dial, portOf } from '../report/dial.ts'
import { fail, failed, type Outcome, pass, warn } from '../report/finding.ts'

export const versions: Check = {
  name: 'versions',
  about: 'machine',
  async run({ version, environment, config: { dataFolder } }) {
    const text = `mcp-oauth-bridge ${version}, Node ${process.versions.node}, ${process.platform} ${process.arch}`
    const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
    const supported = (major === 20 && minor >= 18) || (major === 22 && minor >= 14) || major > 22
    if (!supported) return warn(`${text}.`, 'Use Node 20.18.1 or a later 20.x, or 22.14 or later.')
    const older = olderCopies(dataFolder, version)
    if (older !== undefined) return warn(`${text}. ${older}`, 'Run install --pin again for the hosts that start it.')
    const set = weakening(environment)
    return set.length === 0
      ? pass(`${text}.`)
      : warn(`${text}. ${set.join(' ')}`, 'Unset them in the environment of the host.')
  },
}

/** Variables that would weaken TLS or print traffic, each with its effect here. */
function weakening({
  NODE_TLS_REJECT_UNAUTHORIZED: checks,
  NODE_OPTIONS: options = '',
  NODE_DEBUG: debug,
}: Environment) {
  const [keyLog] = /--tls-keylog\b/.exec(options) ?? []
  const [old] = /--tls-(min|max)-v1\.[01]\b/.exec(options) ?? []
  return [
    ...(checks === undefined || checks === '1'
      ? []
      : ['NODE_TLS_REJECT_UNAUTHORIZED is ignored: certificates are checked.']),
    ...(keyLog ? [`NODE_OPTIONS has ${keyLog}: anyone who can read that file can decrypt the traffic.`] : []),
    ...(old ? [`NODE_OPTIONS has ${old}, which is ignored: TLS 1.2 is the minimum.`] : []),
    ...(debug ? ['NODE_DEBUG makes Node print addresses and more to stderr.'] : []),
  ]
}

type Environment = NodeJS.ProcessEnv

/** Errors in the file are reported earlier; this checks settings that could be better. */
export const config: Check = {
  name: 'config',
  about: 'machine',
  async run({ config: { sessionTimeoutMs, callbackUrls, profile, logFile }, server }) {
    const text = `Server ${server ? withoutQueries(server.url) : '(none given)'}, profile ${profile}, callback ${callbackUrls.join(', ')}, session_timeout ${sessionTimeoutMs / 1000} s, log ${logFile}.`
    if (sessionTimeoutMs < 300_000)
      return warn(`session_timeout is low (< 300s). ${text}`, 'Raise session_timeout to 300 or more.', 'invalid_state')
    return pass(text)
  },
}

export const proxy: Check = {
  name: 'proxy',
  about: 'machine',
  async run({ environment, server }, findings, signal) {
    const url = new URL(server?.url ?? 'https://mcp.example.com/')
    const scheme = url.protocol === 'https:' ? 'https_proxy' : 'http_proxy'
    const variable = [scheme, scheme.toUpperCase()].find((name) => environment[name])
    const proxyFor = createProxyFor(environment)
    if (!proxyFor || variable === undefined) return pass('No proxy variable is set for this server.')
    let found: URL | undefined
    try {
      found = proxyFor(url)
    } catch (thrown) {
      findings.down = true
      return failed(asBridgeError(thrown))
    }
    if (!found)
      return pass(`${variable} is set; it is not used for this server (NO_PROXY, or the server is on this machine).`)
    findings.proxied = true
    const { host } = found
    const outcome = await dial({ host: bareHost(found), port: portOf(found) }, 0, signal)
    if (outcome === 'open') return pass(`${variable} names ${host}; it answers, and is used.`)
    findings.down = true
    return fail(
      'proxy_failed',
      `${variable} names the proxy ${host}, which does not answer.`,
      `Correct or unset ${variable}, or add the server to NO_PROXY.`,
    )
  },
}

export const browser: Check = {
  name: 'browser',
  about: 'machine',
  async run({ config: { browser: program, openBrowser, callbackUrls }, environment, surroundings }) {
    if (!openBrowser) return pass('--no-browser is set; the address will be printed.')
    if (program !== undefined) {
      const { platform } = await surroundings()
      return judgeNamed(program, { ...thisMachine(environment), platform })
    }
    const { browser: opened, ssh, container } = await surroundings()
    if (opened === 'windows') return pass('The Windows browser opens the sign-in page.')
    if (opened !== 'none') return pass('The system’s browser opens the sign-in page.')
    const why = ssh ? 'This is an SSH session' : container ? 'This is a container' : 'There is no display'
    const port = new URL(callbackUrls[0] ?? '').port || 80
    const forward = ssh ? `, or first forward the callback port: ssh -L ${port}:localhost:${port}` : ''
    const remedy = `Run mcp-oauth-bridge login, open the printed address in a browser elsewhere, and paste the address of the last page${forward}.`
    return warn(`${why}, so no browser is opened.`, remedy, 'browser_failed')
  },
}

/** The first of the programs that can be started, as a sign-in finds it. */
export function judgeNamed(names: string, machine: Machine): Outcome {
  let failure: Outcome | undefined
  for (const name of namedPrograms(names, machine.platform)) {
    try {
      if (machine.isProgram(openerPath(name, machine))) return pass(`${name} opens the sign-in page.`)
    } catch (thrown) {
      failure ??= failed(asBridgeError(thrown))
    }
  }
  const nothing = fail(
    'browser_failed',
    `${names} is not a program that can be started.`,
    'Correct BROWSER or browser.',
  )
  return failure ?? nothing
}
