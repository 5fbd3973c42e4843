// The peer: a server written with fastmcp, protected by its own OAuth proxy, which answers one tool itself; prints its port.
import { createRequire } from 'node:module'
import { join } from 'node:path'

const { FOLDER = '', PORT = '', ISSUER = '', CLIENT_ID: clientId = '', CLIENT_SECRET: clientSecret = '' } = process.env
const { FastMCP, OAuthProvider, requireAuth } = createRequire(join(FOLDER, 'index.js'))('fastmcp')

const server = new FastMCP({
  name: 'peer',
  version: '1.0.0',
  auth: new OAuthProvider({
    ...{ baseUrl: `http://127.0.0.1:${PORT}`, clientId, clientSecret },
    ...{ authorizationEndpoint: `${ISSUER}/auth`, tokenEndpoint: `${ISSUER}/token` },
    scopes: ['openid', 'email', 'profile', 'offline_access'],
    allowedRedirectUriPatterns: ['http://127.0.0.1:*'],
  }),
  // What it logs on stdout would come before the port.
  logger: Object.fromEntries(['debug', 'error', 'info', 'log', 'warn'].map((level) => [level, () => undefined])),
})
server.addTool({
  ...{ name: 'json', description: 'Answers as the other server does.', canAccess: requireAuth },
  execute: async () => 'small answer '.repeat(16),
})
await server.start({
  transportType: 'httpStream',
  httpStream: { port: Number(PORT), host: '127.0.0.1', stateless: true, enableJsonResponse: true },
})
process.stdout.write(`${PORT}\n`)
process.stdin.resume().once('end', () => process.exit())
