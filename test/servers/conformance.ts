// The public conformance suite as a test runs it: one client scenario, through the bridge, with a kind of host; and what it lists.
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect } from 'vitest'
import type { HostKind } from './modernHosts.ts'

const SUITE = fileURLToPath(new URL('../servers/conformanceSuite.js', import.meta.url))
const HOST = fileURLToPath(new URL('../.kit/conformanceHost.js', import.meta.url))

function suite(words: readonly string[]): Promise<{ code: number; said: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [SUITE, ...words], (error, stdout, stderr) =>
      // biome-ignore lint/suspicious/noControlCharactersInRegex: it paints its report.
      resolve({ code: error ? Number(error.code ?? -1) : 0, said: (stdout + stderr).replace(/\x1b\[\d+m/g, '') }),
    )
  })
}

/** Runs it to its end. Without a revision the suite takes the newest that the scenario is for. */
export async function expectToPass(kind: HostKind, scenario: string, revision?: string): Promise<void> {
  const results = mkdtempSync(join(tmpdir(), 'mcp-oauth-bridge-conformance-results-'))
  try {
    const client = ['client', '--command', `${process.execPath} ${HOST} ${kind}`, '--scenario', scenario]
    const wire = revision === undefined ? [] : ['--spec-version', revision]
    const { code, said } = await suite([...client, ...wire, '-o', results])
    expect(said).toMatch(/Passed: ([1-9]\d*)\/\1, 0 failed, 0 warnings/)
    expect(code, said).toBe(0)
  } finally {
    rmSync(results, { recursive: true, force: true })
  }
}

/** What a revision requires of a client, frozen at its release. */
export async function required(revision: string): Promise<string[]> {
  const { said } = await suite(['list', '--client', '--requirements', revision])
  const scored = said.slice(said.indexOf('Client scenarios'), said.indexOf('Run and reported'))
  return [...scored.matchAll(/^ +- (\S+)$/gm)].map(([, name = '']) => name).sort()
}

/** What a server passes of the scenarios that a revision requires: scenario → `3 passed, 0 failed`. */
export async function resultsOfServer(url: string, revision: string): Promise<Record<string, string>> {
  const { said } = await suite(['server', '--url', url, '--requirements', revision])
  const lines = said.slice(said.indexOf('=== SUMMARY ===')).matchAll(/^[✓✗] ([\w-]+): (\d+ passed, \d+ failed)/gm)
  return Object.fromEntries([...lines].map(([, name = '', result = '']) => [name, result]))
}

/** Every client scenario that there is. */
export async function listed(): Promise<string[]> {
  const { said } = await suite(['list', '--client'])
  return [...said.matchAll(/^ +- (\S+)/gm)].map(([, name = '']) => name).sort()
}

/** Scenarios of both revisions that ask for a sign-in. */
const SIGN_IN = [
  ...['metadata-default', 'metadata-var1', 'metadata-var2', 'metadata-var3', 'basic-cimd', 'pre-registration'],
  ...['scope-from-www-authenticate', 'scope-from-scopes-supported', 'scope-omitted-when-undefined'],
  ...['scope-step-up', 'scope-retry-limit'],
  ...['token-endpoint-auth-basic', 'token-endpoint-auth-post', 'token-endpoint-auth-none'],
].map((name) => `auth/${name}`)

/** The scored client scenarios of each revision; a test compares them with the suite's own list. */
export const SCORED = {
  '2025-11-25': ['initialize', 'tools_call', 'elicitation-sep1034-client-defaults', 'sse-retry', ...SIGN_IN],
  '2026-07-28': [
    ...['tools_call', 'request-metadata', 'sep-2322-client-request-state', 'json-schema-ref-no-deref'],
    ...['http-standard-headers', 'http-custom-headers', 'http-invalid-tool-headers'],
    ...SIGN_IN,
    ...[
      ...['resource-mismatch', 'offline-access-scope', 'offline-access-not-supported'],
      ...['authorization-server-migration', 'metadata-issuer-mismatch'],
      ...['iss-supported', 'iss-not-advertised', 'iss-supported-missing', 'iss-wrong-issuer', 'iss-unexpected'],
      'iss-normalized',
    ].map((name) => `auth/${name}`),
  ],
} as const

/** Scenarios that no revision scores: two of 2025-03-26, extensions, and one that came after both. */
export const UNSCORED = [
  ...['auth/2025-03-26-oauth-metadata-backcompat', 'auth/2025-03-26-oauth-endpoint-fallback'],
  ...['auth/client-credentials-basic', 'auth/client-credentials-jwt', 'auth/dpop', 'auth/dpop-nonce'],
  'json-schema-2020-12-preservation',
] as const

/** Extensions that the bridge does not have, and those that are a host's business; docs/security.md says so. */
export const NOT_RUN = [
  ...['auth/enterprise-managed-authorization', 'auth/wif-jwt-bearer'],
  ...['sep-2640-client-no-prefetch', 'sep-2640-client-verify-digest'],
  ...['sep-2640-client-verify-size', 'sep-2640-client-verify-frontmatter'],
] as const
