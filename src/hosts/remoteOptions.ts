// The options of mcp-remote and what stands for each here: a key of config.yaml, an option of ours, or nothing that has to be said.

export type Option = readonly [name: string, value: string | undefined]

/** Options that mcp-remote takes without a value. */
const FLAGS = new Set([
  '--allow-http',
  '--client-credentials',
  '--debug',
  '--device-code',
  '--disable-cookies',
  '--disable-resource-parameter',
  '--enable-proxy',
  '--ipv4',
  '--ipv6',
  '--keep-alive',
  '--silent',
  '--use-id-token',
])

/** A word after any other option is its value, unless it is an option or a URL. */
export function splitOptions(words: readonly string[]): { positionals: string[]; options: Option[] } {
  const positionals: string[] = []
  const options: Option[] = []
  for (let at = 0; at < words.length; at++) {
    const [word = '', next] = [words[at], words[at + 1]]
    const [, name, value] = /^(--[\w-]+)=(.*)$/s.exec(word) ?? []
    if (name !== undefined) options.push([name, value])
    else if (!word.startsWith('-')) positionals.push(word)
    else if (FLAGS.has(word) || next === undefined || next.startsWith('--') || isServer(word, next))
      options.push([word, undefined])
    else {
      options.push([word, next])
      at++
    }
  }
  return { positionals, options }
}

const isServer = (option: string, next: string) => /^https?:/.test(next) && !/(resource|url|endpoint)$/.test(option)

export const valuesOf = (options: readonly Option[], name: string) =>
  options.flatMap(([option, value]) => (option === name && value !== undefined ? [value] : []))

/** Nothing has to be done: the bridge does it by itself, or its reason is not there. */
const NEEDLESS = new Set([
  '-y',
  '--auth-success-url',
  '--debug',
  '--disable-cookies',
  '--enable-proxy',
  '--ipv4',
  '--ipv6',
  '--keep-alive',
  '--ping-interval',
  '--silent',
])

/** What to write instead, for what config.yaml has for all servers only, or a command for each sign-in. */
export function adviceOn([name, value = '']: Option): string | undefined {
  const seconds = Number(value)
  const ms = Number.isFinite(seconds) ? seconds * 1000 : 0
  switch (name) {
    case '--auth-timeout':
      return `--auth-timeout ${value}: a sign-in may take 300 s; to change that, set session_timeout`
    case '--connect-timeout':
      return `--connect-timeout ${value}: set connect_timeout: ${ms}, which applies to all servers`
    case '--headers-timeout':
    case '--body-timeout':
      return `${name} ${value}: set request_timeout: ${ms}, which applies to all servers`
    case '--protocol':
      return `--protocol ${value}: the bridge does not know that value, and finds out what the server speaks; to say it, set protocol: auto, 2025 or 2026`
    case '--device-code':
      return '--device-code: sign in with login --device'
    default:
      return undefined
  }
}

export const isNeedless = (name: string) => NEEDLESS.has(name)

/** Of mcp-remote's transports, which try one and then the other, or one only. */
export const transportOf = (value: string | undefined): 'http' | 'sse' | undefined =>
  value === 'http-only' ? 'http' : value === 'sse-only' ? 'sse' : undefined

/** Of its protocols: `legacy` begins with initialize, `auto` asks the server first. undefined: another one, or none was given. */
export const protocolOf = (value: string | undefined): 'auto' | 2025 | undefined =>
  value === 'legacy' ? 2025 : value === 'auto' ? 'auto' : undefined
