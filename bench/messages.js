// What a host of each era says: its opening, its calls, and the headers that MCP 2026-07-28 wants of whoever sends them.

/** @typedef {'2025' | '2026'} Era */

const CLIENT = { name: 'bench', version: '1.0.0' }
const META = {
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientInfo': CLIENT,
  'io.modelcontextprotocol/clientCapabilities': { elicitation: { form: {}, url: {} }, roots: {} },
}
const INITIALIZE = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: CLIENT }

const request = (
  /** @type {Era} */ era,
  /** @type {number} */ id,
  /** @type {string} */ method,
  /** @type {object} */ params,
) => JSON.stringify({ jsonrpc: '2.0', id, method, params: era === '2026' ? { ...params, _meta: META } : params })

/** The first request of a host, with the id 0, and what it says once that is answered. */
export const OPENINGS = {
  2025: {
    request: request('2025', 0, 'initialize', INITIALIZE),
    next: '{"jsonrpc":"2.0","method":"notifications/initialized"}',
  },
  2026: { request: request('2026', 0, 'tools/list', {}), next: undefined },
}

/** A call; `sse`: how the server shall answer. */
export const toolCall = (
  /** @type {Era} */ era,
  /** @type {number} */ id,
  /** @type {string} */ name,
  /** @type {boolean} */ sse,
) => request(era, id, 'tools/call', { name, arguments: { sse } })

export const listTools = (/** @type {Era} */ era, /** @type {number} */ id) => request(era, id, 'tools/list', {})

/** The headers that repeat what a message of 2026 says. @returns {Record<string, string>} */
export function modernHeaders(/** @type {string} */ message) {
  const { method, params } = JSON.parse(message)
  const headers = {
    'mcp-protocol-version': params._meta['io.modelcontextprotocol/protocolVersion'],
    'mcp-method': method,
  }
  return params.name === undefined ? headers : { ...headers, 'mcp-name': params.name }
}
