// doctor on servers off the beaten track: excepted from a rule, with a client metadata document, on the older transport.
import { afterEach, expect, test } from 'vitest'
import { startEverything } from '../servers/everything.ts'
import { startStage } from '../servers/stage.ts'

let stage: Awaited<ReturnType<typeof startStage>>
afterEach(() => stage?.close())

/** The authorization server publishes this instead of parts of its metadata. */
async function publishes(instead: (own: Record<string, unknown>) => Record<string, unknown>) {
  stage = await startStage()
  const path = '/.well-known/oauth-authorization-server'
  const own = (await (await fetch(stage.authorization.issuer + path)).json()) as Record<string, unknown>
  stage.authorization.state.documents[path] = { ...own, ...instead(own) }
}

const excepted = (exception: string) =>
  stage.doctor(['old', '--config', stage.config(`servers: { old: { url: "${stage.server.url}", ${exception} } }\n`)])

test('metadata without S256 fails, or is a warning that names allow_missing_s256 if that is set', async () => {
  await publishes(() => ({ code_challenge_methods_supported: undefined }))
  const refused = await stage.doctor()
  expect(refused.code).toBe(3)
  expect(refused.report.likely_cause).toMatchObject({ name: 'pkce', code: 'pkce_unsupported' })
  const { code, found } = await excepted('allow_missing_s256: true')
  expect(code).toBe(0)
  expect(found('pkce')).toMatchObject({ status: 'warn', detail: expect.stringContaining('allow_missing_s256') })
  expect(found('registration').status).toBe('pass')
})

test('metadata with another issuer fails, or is a warning that names trusted_issuers if that issuer is trusted', async () => {
  await publishes(({ issuer }) => ({ issuer: `${issuer}/` }))
  const refused = await stage.doctor()
  expect(refused.report.likely_cause).toMatchObject({ name: 'authorization_server_metadata', code: 'issuer_mismatch' })
  const { issuer } = stage.authorization
  const { code, found } = await excepted(`trusted_issuers: [{ expected: "${issuer}", named: "${issuer}/" }]`)
  expect(code).toBe(0)
  const finding = found('authorization_server_metadata')
  expect(finding).toMatchObject({ status: 'warn', code: 'issuer_mismatch' })
  expect(finding.detail).toContain('trusted_issuers')
})

test('a client metadata document counts as a client if the server accepts one', async () => {
  await publishes(() => ({ registration_endpoint: undefined, client_id_metadata_document_supported: true }))
  const without = await stage.doctor()
  expect(without.report.likely_cause).toMatchObject({ name: 'registration', code: 'registration_failed' })
  expect(without.report.likely_cause.remedy).toContain('--client-metadata-url')
  const document = 'https://client.example/oauth.json'
  const { found } = await stage.doctor([stage.server.url, '--client-metadata-url', document])
  expect(found('registration')).toMatchObject({ status: 'pass', detail: expect.stringContaining(document) })
})

test('a server that only speaks HTTP+SSE is recognized, and the handshake uses it', async () => {
  stage = await startStage()
  const older = await startEverything({ transport: 'sse' })
  try {
    for (const flags of [[], ['--transport', 'sse']]) {
      const { code, found } = await stage.doctor([older.url, ...flags])
      expect(found('mcp_endpoint')).toMatchObject({ status: 'pass', detail: expect.stringContaining('HTTP+SSE') })
      expect(found('mcp_handshake').status).toBe('pass')
      expect(code).toBe(0)
    }
    const newer = await stage.doctor([older.url, '--transport', 'http'])
    expect(newer.report.likely_cause).toMatchObject({ name: 'mcp_endpoint', code: 'invalid_protocol' })
  } finally {
    await older.close()
  }
})
