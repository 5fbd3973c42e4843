// The ping that asks an MCP server who it is without a session.
import { expect, test } from 'vitest'
import { mcpPing } from '../../../src/mcp/requests.ts'

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
