// The configured secrets, registered so that no text repeats them.
import { secretSegments } from '../redaction/shownUrl.ts'
import type { Config } from './config.ts'

export function secretsOf({ server, postgres }: Pick<Config, 'server' | 'postgres'>): (string | undefined)[] {
  const database = postgres && [postgres.password, encodeURIComponent(postgres.password ?? '') || undefined]
  return [...(database ?? []), ...ofServer(server)]
}

function ofServer(server: Config['server']): (string | undefined)[] {
  if (!server) return []
  const { headers, authorizeParameters, clientSecret, clientKey, url } = server
  const address = new URL(url)
  const inUrl = [...address.searchParams.values(), ...secretSegments(address)]
  return [...Object.values(headers), ...Object.values(authorizeParameters), ...inUrl, clientSecret, clientKey]
}
