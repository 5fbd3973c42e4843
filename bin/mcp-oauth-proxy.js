#!/usr/bin/env node
// The same program by the name of the HTTP gateway: without a command it serves.
process.argv.splice(2, 0, '--gateway')
await import('./mcp-oauth-bridge.js')
