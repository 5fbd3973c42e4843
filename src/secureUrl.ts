// Which URLs may carry a token or a person: https, and http on loopback (RFC 8252 section 8.3, OAuth 2.1 section 1.5).

/** `allowHttp` is a configured exception for a trusted network. */
export function isSecure(url: URL, allowHttp: boolean): boolean {
  if (url.username !== '' || url.password !== '') return false
  return url.protocol === 'https:' || (url.protocol === 'http:' && (allowHttp || isLoopback(url.hostname)))
}

export function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d{1,3}){3}$/.test(hostname)
}
