// Odd servers that stay closed, because what is odd about them protects somebody or nobody can sign in: for the museum.
import { amend, answersTokens, type Exhibit, ISSUER, RESOURCE } from './oddParts.ts'

export interface Closed {
  readonly name: string
  readonly build: Exhibit['build']
  readonly code: string
  /** What the person reads. */
  readonly says: RegExp
}

export const CLOSED: readonly Closed[] = [
  {
    name: 'Cloudflare without the iss that it announced',
    build({ issuer }) {
      amend(issuer, ISSUER, { authorization_response_iss_parameter_supported: true })
      return undefined
    },
    code: 'issuer_mismatch',
    says: /iss/,
  },
  {
    name: 'Atlassian as it is: metadata that names another issuer',
    build({ issuer }) {
      amend(issuer, ISSUER, { issuer: 'https://auth.example.com' })
      return undefined
    },
    code: 'issuer_mismatch',
    says: /trusted_issuers/,
  },
  {
    name: 'Mesh as it is: resource metadata with the other scheme',
    build({ server }) {
      amend(server, `${RESOURCE}/mcp`, { resource: `${server.origin.replace('http:', 'https:')}/mcp` })
      return undefined
    },
    code: 'resource_mismatch',
    says: /trusted_resource/,
  },
  {
    name: 'Figma: a registration that is 403 Forbidden',
    build({ issuer }) {
      issuer.routes['/register'] = () => ({ status: 403, text: 'Forbidden' })
      return undefined
    },
    code: 'registration_failed',
    says: /client_id|--client-id/,
  },
  {
    name: 'Manifest: a registration that is 401 in words of its own',
    build({ issuer }) {
      issuer.routes['/register'] = () => ({ status: 401, json: { statusCode: 401, message: 'Unauthorized' } })
      return undefined
    },
    code: 'registration_failed',
    says: /client_id|--client-id/,
  },
  {
    name: 'roic.ai: a token endpoint that takes no form',
    build({ issuer }) {
      issuer.routes['/token'] = () => ({ status: 415, text: 'Unsupported Media Type: expected application/json' })
      return undefined
    },
    code: 'login_failed',
    says: /415|application\/json/,
  },
  {
    name: 'Slack: a refused code is 200 with ok false',
    build: answersTokens(() => ({ json: { ok: false, error: 'invalid_code' } })),
    code: 'login_failed',
    says: /invalid_code/,
  },
]
