// A pasted address → the parameters of a callback: code, state, iss and error, and nothing else.
const READ = ['code', 'state', 'iss', 'error', 'error_description'] as const

export type PastedAddress =
  | { readonly kind: 'callback'; readonly query: URLSearchParams }
  /** `why` is one or two sentences for the person; nothing pasted is repeated in it. */
  | { readonly kind: 'refused'; readonly why: string }

/** Only the address of the attempt whose `state` is given passes: another address may belong to somebody else's sign-in (RFC 9700 section 4.7). */
export function readPastedAddress(pasted: string, state: string): PastedAddress {
  const text = pasted.trim().replace(/^(["'<])(.*)[>"']$/, '$2')
  // Browsers may omit the scheme.
  const address = /^(localhost|127\.0\.0\.1|\[::1\])(:\d+)?\//.test(text) ? `http://${text}` : text
  if (!/^https?:\/\//i.test(address) || !URL.canParse(address))
    return refused('That is not an address. Paste the whole address, from http to the end, not only the code.')
  const found = new URL(address).searchParams
  if (READ.some((name) => found.getAll(name).length > 1))
    return refused('That address contains a parameter twice, so it does not come from an authorization server.')
  if (found.has('client_id') && !found.has('code') && !found.has('error'))
    return refused('That is the address to open. Sign in there, then paste the address of the last page.')
  if (!found.get('state') || !(found.get('code') || found.get('error')))
    return refused('That address has no code and state. Paste the address of the last page after the sign-in.')
  if (found.get('state') !== state)
    return refused('That address belongs to another sign-in. Use the browser tab of the address above, or start again.')
  const query = new URLSearchParams()
  for (const name of READ) {
    const value = found.get(name)
    if (value !== null) query.set(name, value)
  }
  return { kind: 'callback', query }
}

const refused = (why: string): PastedAddress => ({ kind: 'refused', why })
