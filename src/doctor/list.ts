// All checks in the order of cause and effect: an earlier failure explains later ones.
import { callbackPort } from './checks/callbackPort.ts'
import { tls } from './checks/certificate.ts'
import { clockSkew } from './checks/clockSkew.ts'
import { database } from './checks/database.ts'
import { authorizationServer, pkce, protectedResource } from './checks/discovery.ts'
import { endpoint } from './checks/endpoint.ts'
import { handshake } from './checks/handshake.ts'
import { headers } from './checks/headers.ts'
import { browser, config, proxy, versions } from './checks/machine.ts'
import { dns, tcp } from './checks/reach.ts'
import { redirectUri, registration } from './checks/registration.ts'
import { keychain } from './checks/sealingKey.ts'
import { refresh, token } from './checks/token.ts'
import type { Check } from './report/context.ts'

export const CHECKS: readonly Check[] = [
  versions,
  config,
  database,
  keychain,
  proxy,
  dns,
  tcp,
  tls,
  endpoint,
  clockSkew,
  protectedResource,
  authorizationServer,
  pkce,
  registration,
  redirectUri,
  callbackPort,
  browser,
  token,
  refresh,
  headers,
  handshake,
]
