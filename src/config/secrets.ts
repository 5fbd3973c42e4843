// What a person configured and only its receiver may see, so that no text repeats it.
import type { Config } from './config.ts'

export function secretsOf({ server }: Pick<Config, 'server'>): (string | undefined)[] {
  if (!server) return []
  const { headers, authorizeParameters, clientSecret, clientKey, url } = server
  const query = [...new URL(url).searchParams.values()]
  return [...Object.values(headers), ...Object.values(authorizeParameters), ...query, clientSecret, clientKey]
}
