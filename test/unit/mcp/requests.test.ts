// The ping that asks an MCP server who it is without a session.
import { expect, test } from 'vitest'
import { mcpDiscover, mcpPing } from '../../../src/mcp/requests.ts'

test('is a JSON-RPC request that accepts both kinds of answer, whatever a person configured', () => {
  const { method, url, headers, body } = mcpPing(
    'https://mcp.example/mcp',
    { accept: 'text/html', 'x-team': 'core' },
    'doctor',
  )
  expect([method, url.href]).toEqual(['POST', 'https://mcp.example/mcp'])
  expect(headers).toEqual({
    'x-team': 'core',
    accept: 'application/json, text/event-stream',
    'content-type': 'application/json',
  })
  expect(body).toBe('{"jsonrpc":"2.0","id":"doctor","method":"ping"}')
})

test('server/discover has the headers of its revision and says the same in its _meta, whatever a person configured', () => {
  const { method, headers, body } = mcpDiscover(
    'https://mcp.example/mcp',
    { 'mcp-method': 'ping', 'mcp-protocol-version': '2025-11-25', 'x-team': 'core' },
    'doctor',
    { name: 'doctor', version: '2' },
  )
  expect(method).toBe('POST')
  expect(headers).toEqual({
    'x-team': 'core',
    accept: 'application/json, text/event-stream',
    'content-type': 'application/json',
    'mcp-protocol-version': '2026-07-28',
    'mcp-method': 'server/discover',
  })
  expect(JSON.parse(body)).toEqual({
    jsonrpc: '2.0',
    id: 'doctor',
    method: 'server/discover',
    params: {
      _meta: {
        'io.modelcontextprotocol/protocolVersion': '2026-07-28',
        'io.modelcontextprotocol/clientInfo': { name: 'doctor', version: '2' },
        'io.modelcontextprotocol/clientCapabilities': {},
      },
    },
  })
})
