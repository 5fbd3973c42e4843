// The address of a path at the host of another URL: one that begins with two slashes, as `new URL` reads it, would name another host.

/** A path as it stands in a URL, without query; what `place` has of path, query and fragment is left out. */
export function atPath({ origin }: URL, pathname: string): URL {
  const url = new URL(origin)
  url.pathname = pathname
  return url
}
