// This machine: versions, settings, proxy variables, browser.
import { accessSync, constants } from 'node:fs'
import { connect } from 'node:net'
import { delimiter, join } from 'node:path'
import { withoutQueries } from '../errors.ts'
import { fail, pass, warn } from './finding.ts'
import type { Check } from './patient.ts'
import { proxyFor } from './proxyVariables.ts'

export const versions: Check = {
  name: 'versions',
  about: 'machine',
  async look({ version }) {
    const text = `mcp-oauth-bridge ${version}, Node ${process.versions.node}, ${process.platform} ${process.arch}`
    const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
    const supported = (major === 20 && minor >= 18) || (major === 22 && minor >= 14) || major > 22
    return supported ? pass(`${text}.`) : warn(`${text}.`, 'Use Node 20.18.1 or newer of 20, or 22.14 or newer.')
  },
}

/** Faults of the file end the reading of it; what is left here is what may be set better. */
export const config: Check = {
  name: 'config',
  about: 'machine',
  async look({ config: { sessionTimeoutMs, callbackUrls, profile, logFile }, server }) {
    const text = `Server ${server ? withoutQueries(server.url) : '(none named)'}, profile ${profile}, callback ${callbackUrls.join(', ')}, session_timeout ${sessionTimeoutMs / 1000} s, log ${logFile}.`
    if (sessionTimeoutMs < 300_000)
      return warn(`session_timeout is low (< 300s). ${text}`, 'Raise session_timeout to 300 or more.', 'invalid_state')
    return pass(text)
  },
}

export const proxy: Check = {
  name: 'proxy',
  about: 'machine',
  async look({ environment, server }, facts, signal) {
    const found = proxyFor(new URL(server?.url ?? 'https://mcp.example.com/'), environment)
    if (found === undefined) return pass('No proxy variable is set.')
    if (found === 'bypassed') return pass('NO_PROXY takes this server out; it is asked directly.')
    if (!found.url)
      return fail('server_unreachable', `${found.variable} is not a URL.`, `Write ${found.variable}=http://host:port.`)
    facts.proxied = true
    const { hostname, port, host, protocol } = found.url
    const answers = await answersOn(hostname, Number(port || (protocol === 'https:' ? 443 : 80)), signal)
    if (answers) return pass(`${found.variable} names ${host}; it answers.`)
    return fail(
      'server_unreachable',
      `${found.variable} names the proxy ${host}, which does not answer.`,
      `Correct or unset ${found.variable}, or name the server in NO_PROXY.`,
    )
  },
}

function answersOn(host: string, port: number, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: host.replace(/^\[|\]$/g, ''), port, signal })
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}

export const browser: Check = {
  name: 'browser',
  about: 'machine',
  async look({ config: { browser: program, openBrowser }, environment }) {
    if (!openBrowser) return pass('No browser is wanted; the address is printed.')
    if (program !== undefined) {
      const programs = process.platform === 'win32' ? [program] : program.split(':').filter((name) => name !== '')
      const found = programs.find((name) => isProgram(name, environment.PATH ?? ''))
      if (found !== undefined) return pass(`${found} opens the sign-in page.`)
      return fail('browser_failed', `${program} is not a program that can be started.`, 'Correct BROWSER or browser.')
    }
    const { DISPLAY, WAYLAND_DISPLAY, SSH_CONNECTION, WSL_DISTRO_NAME } = environment
    const headless = process.platform === 'linux' && !DISPLAY && !WAYLAND_DISPLAY && !WSL_DISTRO_NAME
    if (!headless && !SSH_CONNECTION) return pass('The system’s browser opens the sign-in page.')
    const why = SSH_CONNECTION ? 'This is an SSH session' : 'There is no display here'
    const remedy = 'Run mcp-oauth-bridge login --no-browser, and forward the callback port: ssh -L 8080:localhost:8080.'
    return warn(`${why}, so no browser may open.`, remedy, 'browser_failed')
  },
}

function isProgram(name: string, path: string): boolean {
  const candidates = /[/\\]/.test(name) ? [name] : path.split(delimiter).map((folder) => join(folder, name))
  return candidates.some((file) => {
    try {
      accessSync(file, constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}
