// Which MCP server a resource indicator means (RFC 8707): the gateway's own URL of it, and no other
import { resourceOf } from '../http/protectedResource.ts'
import type { ServedServer } from '../settings.ts'

export interface Resources {
  /** The canonical URL of the server that `resource` means, however it writes the end of its path; undefined: of none here. */
  canonical(resource: string): string | undefined
  /** Of the only server; undefined: there are several. */
  readonly only: string | undefined
  server(canonical: string): ServedServer | undefined
}

export function createResources(publicUrl: string, servers: readonly ServedServer[]): Resources {
  const known = new Map(servers.map((server) => [resourceOf(publicUrl, server), server]))
  const [first] = known.keys()
  return {
    only: known.size === 1 ? first : undefined,
    server: (canonical) => known.get(canonical),
    canonical(resource) {
      if (known.has(resource)) return resource
      if (!URL.canParse(resource)) return undefined
      const url = new URL(resource)
      if (url.username || url.password || resource.includes('#') || resource.includes('?')) return undefined
      const found = `${url.origin}${url.pathname.replace(/\/+$/, '')}`
      return known.has(found) ? found : undefined
    },
  }
}
