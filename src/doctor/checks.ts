// Every check, in the order of cause and effect: what stands first explains what fails after it.
import { callbackPort } from './callbackPort.ts'
import { tls } from './certificate.ts'
import { clockSkew } from './clockSkew.ts'
import { database } from './database.ts'
import { authorizationServer, pkce, protectedResource } from './discovery.ts'
import { endpoint } from './endpoint.ts'
import { handshake } from './handshake.ts'
import { headers } from './headers.ts'
import { browser, config, proxy, versions } from './machine.ts'
import type { Check } from './patient.ts'
import { dns, tcp } from './reach.ts'
import { redirectUri, registration } from './registration.ts'
import { keychain } from './sealingKey.ts'
import { refresh, token } from './token.ts'

export const CHECKS: readonly Check[] = [
  ...[versions, config, database, keychain],
  ...[proxy, dns, tcp, tls, endpoint, clockSkew],
  ...[protectedResource, authorizationServer, pkce, registration, redirectUri],
  ...[callbackPort, browser],
  ...[token, refresh, headers, handshake],
]
