// Where the MCPB bundle starts: what the host asked the person for becomes the words of a bridge. In the bundle it stands beside bin/.

/** The option for each variable of manifest.json. What the person left out comes empty, or as the placeholder itself. */
const OPTIONS = {
  MCP_OAUTH_BRIDGE_MCPB_HEADER: '--header',
  MCP_OAUTH_BRIDGE_MCPB_CLIENT_ID: '--client-id',
  MCP_OAUTH_BRIDGE_MCPB_CLIENT_SECRET_FILE: '--client-secret-file',
  MCP_OAUTH_BRIDGE_MCPB_ISSUER: '--issuer',
}

const isGiven = (/** @type {string | undefined} */ text = '') => text.trim() !== '' && !text.includes('${user_config.')

const [node = '', script = '', server = ''] = process.argv
const words = Object.entries(OPTIONS).flatMap(([variable, option]) =>
  // The value stays in the environment: the program itself replaces the name.
  isGiven(process.env[variable]) ? [option, `\${${variable}}`] : [],
)
process.argv = [node, script, 'run', ...(isGiven(server) ? [server.trim()] : []), ...words]
await import('../bin/mcp-oauth-bridge.js')
