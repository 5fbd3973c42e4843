// Which proxy the environment names for a URL: HTTPS_PROXY, HTTP_PROXY and NO_PROXY, in either case.

export interface NamedProxy {
  readonly variable: string
  /** Without user name and password; undefined: the variable holds no URL. */
  readonly url: URL | undefined
}

/** undefined: none; 'bypassed': NO_PROXY takes this host out. */
export function proxyFor(url: URL, environment: NodeJS.ProcessEnv): NamedProxy | 'bypassed' | undefined {
  const names = url.protocol === 'https:' ? ['HTTPS_PROXY', 'https_proxy'] : ['HTTP_PROXY', 'http_proxy']
  const variable = names.find((name) => environment[name])
  if (variable === undefined) return undefined
  const except = (environment.NO_PROXY || environment.no_proxy || '').split(/[\s,]+/).filter((part) => part !== '')
  if (except.some((part) => covers(part, url))) return 'bypassed'
  const text = environment[variable] ?? ''
  const full = text.includes('://') ? text : `http://${text}`
  if (!URL.canParse(full)) return { variable, url: undefined }
  const proxy = new URL(full)
  proxy.username = ''
  proxy.password = ''
  return { variable, url: proxy }
}

/** `example.com` and `.example.com` cover the names below too; `*` covers all; a port must match where one is given. */
function covers(part: string, url: URL): boolean {
  if (part === '*') return true
  const [, host = '', port] = /^\*?\.?(.*?)(?::(\d+))?$/.exec(part.toLowerCase()) ?? []
  const actual = url.port || (url.protocol === 'https:' ? '443' : '80')
  if (port !== undefined && port !== actual) return false
  return url.hostname === host || url.hostname.endsWith(`.${host}`)
}
