// The real servers of the suite, each as its documents set it up.
import type { RealServer } from './realServer.ts'

const nodeOAuth = (title: string, env: Record<string, string>): RealServer => ({
  title: `@node-oauth/oauth2-server, ${title}`,
  program: 'nodeOAuth',
  env,
  register: '/register',
  token: '/token',
})

export const SERVERS: readonly RealServer[] = [
  { title: 'MCP SDK v1, mcpAuthRouter', program: 'sdkV1', register: '/register', token: '/token', revoke: '/revoke' },
  { title: 'fastmcp with sessions', program: 'fastmcp', register: '/oauth/register', token: '/oauth/token' },
  {
    title: 'fastmcp, stateless',
    program: 'fastmcp',
    env: { STATELESS: 'yes' },
    register: '/oauth/register',
    token: '/oauth/token',
  },
  {
    title: 'better-auth 1.4',
    program: 'betterAuth14',
    register: '/api/auth/mcp/register',
    token: '/api/auth/mcp/token',
    hidesForgotten: true,
  },
  {
    title: 'better-auth 1.7',
    program: 'betterAuth17',
    register: '/api/auth/oauth2/register',
    token: '/api/auth/oauth2/token',
    revoke: '/api/auth/oauth2/revoke',
  },
  {
    title: 'workers-oauth-provider in workerd',
    program: 'cloudflare',
    register: '/register',
    token: '/token',
    longLived: true,
  },
  nodeOAuth('public clients', { METHOD: 'none' }),
  nodeOAuth('client_secret_basic', { METHOD: 'client_secret_basic' }),
  nodeOAuth('client_secret_post', { METHOD: 'client_secret_post' }),
  nodeOAuth('no methods listed', { METHOD: 'client_secret_basic', LISTED: 'no' }),
]
