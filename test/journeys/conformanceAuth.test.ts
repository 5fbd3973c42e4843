// The auth scenarios of the public conformance suite, through the bridge; docs/security.md names those that are not run, and why.
import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, test } from 'vitest'

const file = (name: string) => fileURLToPath(new URL(name, import.meta.url))
const SUITE = file('../servers/conformanceSuite.js')
const CLIENT = `${process.execPath} ${file('../.kit/conformanceAuthClient.js')}`
const PASSES = [
  ...['metadata-default', 'metadata-var1', 'metadata-var2', 'metadata-var3'],
  ...['2025-03-26-oauth-metadata-backcompat', '2025-03-26-oauth-endpoint-fallback'],
  ...['basic-cimd', 'pre-registration'],
  ...['token-endpoint-auth-basic', 'token-endpoint-auth-post', 'token-endpoint-auth-none'],
  ...['scope-from-www-authenticate', 'scope-from-scopes-supported', 'scope-omitted-when-undefined'],
  ...['scope-step-up', 'scope-retry-limit', 'offline-access-scope', 'offline-access-not-supported'],
  'resource-mismatch',
]
/** Grants without a person in a browser. */
const NOT_RUN = ['client-credentials-jwt', 'client-credentials-basic', 'cross-app-access-complete-flow']

const results = mkdtempSync(join(tmpdir(), 'mcp-oauth-bridge-conformance-results-'))
afterAll(() => rmSync(results, { recursive: true, force: true }))

const suite = (args: readonly string[]) =>
  new Promise<string>((resolve) => {
    execFile(process.execPath, [SUITE, ...args], { cwd: results }, (_error, stdout, stderr) => resolve(stdout + stderr))
  })

describe('the public conformance suite', () => {
  test.each(PASSES)(
    'passes auth/%s',
    async (name) => {
      const said = await suite(['client', '--command', CLIENT, '--scenario', `auth/${name}`, '-o', results])
      expect(said).toContain('OVERALL: PASSED')
      expect(said).toMatch(/Passed: (\d+)\/\1, 0 failed, 0 warnings/)
    },
    60_000,
  )

  test('every auth scenario is either run here or named in the docs', async () => {
    const listed = [...(await suite(['list'])).matchAll(/- auth\/(\S+)/g)].map(([, name]) => name)
    expect(listed.sort()).toEqual([...PASSES, ...NOT_RUN].sort())
    const docs = readFileSync(file('../../docs/security.md'), 'utf8')
    expect(NOT_RUN.filter((name) => !docs.includes(`auth/${name}`))).toEqual([])
  })
})
