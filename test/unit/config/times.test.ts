// The times a person writes into config.yaml: none is more than a timer can count.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { loadConfig } from '../../../src/config/load.ts'
import { tempFolder } from '../../fakes/tempFolder.ts'

const folder = tempFolder()

test('any whole number for any time is one that a timer can count', async () => {
  const times = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER })
  await fc.assert(
    fc.asyncProperty(times, times, times, times, times, async (connect, request, session, initialize, call) => {
      const home = folder.fresh('home')
      const path = `${home}.yaml`
      const login = `login: { hold_initialize_ms: ${initialize}, hold_call_ms: ${call} }`
      writeFileSync(
        path,
        `connect_timeout: ${connect}\nrequest_timeout: ${request}\nsession_timeout: ${session}\n${login}\n`,
        { mode: 0o600 },
      )
      const config = await loadConfig({
        flags: { config: path, headers: [], authorizeParameters: [], allowHttp: false, openBrowser: true },
        environment: { MCP_OAUTH_BRIDGE_HOME: join(home, 'bridge') },
        ...{ folder: '/', server: 'https://mcp.example/mcp', version: () => '1.0.0', alternatives: [] },
      })
      const most = 2 ** 31 - 1
      expect(config).toMatchObject({
        ...{ connectTimeoutMs: Math.min(connect, most), requestTimeoutMs: Math.min(request, most) },
        ...{ holdInitializeMs: Math.min(initialize, most), holdCallMs: Math.min(call, most) },
        sessionTimeoutMs: Math.min(session * 1000, most),
      })
    }),
    { numRuns: 30 },
  )
}, 30_000)
