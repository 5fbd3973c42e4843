// An endpoint with a query of its own (RFC 6749 sections 3.1 and 3.2): our members instead of its own, not beside them; its others stay.

/** `url`: the endpoint with our members at the end of its query. A parameter must not occur twice. */
export function withoutRepetition(url: URL, endpoint: URL): URL {
  for (const name of new Set(endpoint.searchParams.keys())) {
    const values = url.searchParams.getAll(name)
    const ours = values.at(-1)
    if (ours !== undefined && values.length > endpoint.searchParams.getAll(name).length)
      url.searchParams.set(name, ours)
  }
  return url
}

/** The endpoint for a body that has these members. */
export function withoutMembersOf(body: unknown, url: URL): URL {
  const sent = body instanceof URLSearchParams ? [...new Set(body.keys())] : []
  for (const name of sent) if (url.searchParams.has(name)) url.searchParams.delete(name)
  return url
}
