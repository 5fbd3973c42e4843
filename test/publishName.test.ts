// The name on the registry belongs to somebody else: no text of ours leads there, and we publish only under a name of our own.
import { execFile, execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, test } from 'vitest'
import { startRegistry } from './servers/registry.ts'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

const { publishName } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))

/** What fetches a package by name, and then this one: neither a path, a tarball nor an address; also as JSON over several lines. */
const FETCHES =
  /\b(?:npx|bunx|pnpx|npm (?:x|exec|i|install|add|update|up)|(?:pnpm|yarn) (?:dlx|add|global add))\b(?:[\s"',[\]:]|\bargs\b|(?<=[\s"])--?[\w-]+)+(?<=[\s"])mcp-oauth-bridge(?![\w.-]*\.tgz|[\w-])/g

/** All that a person or a host may read of us, the built program included. */
function texts() {
  const listed = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
    cwd: ROOT,
    encoding: 'utf8',
  })
  const shown =
    /^(README|CHANGELOG|CONTRIBUTING)\.md$|^(docs|src|bin|demo|bench|release|\.github|\.ci)\/|^config\.example\.yaml$/
  const built = readdirSync(join(ROOT, 'dist')).map((name) => `dist/${name}`)
  return [...listed.split('\n').filter((name) => shown.test(name)), ...built].map((name) => ({
    name,
    text: readFileSync(join(ROOT, name), 'utf8'),
  }))
}

describe('the name on npm', () => {
  test('no document, hint, help, completion or error tells anybody to install the npm name that belongs to another author', () => {
    expect(texts().length).toBeGreaterThan(200)
    const found = texts().flatMap(({ name, text }) =>
      [...text.matchAll(FETCHES)].map(({ index }) => `${name}: ${text.slice(index - 1, index + 100)}`),
    )
    // The one sentence that says when this is the installed program.
    expect(found.filter((line) => !line.includes('`npx mcp-oauth-bridge` runs the same'))).toEqual([])
  })

  test.each([
    'npx -y mcp-oauth-bridge login',
    '"command": "npx",\n  "args": ["-y", "mcp-oauth-bridge"]',
    'npx --yes mcp-oauth-bridge@latest',
    'npm install -g mcp-oauth-bridge',
    'npm i -g mcp-oauth-bridge@1',
    'pnpm dlx mcp-oauth-bridge',
    'bunx mcp-oauth-bridge',
  ])('the search for such words finds %s', (line) => expect(line.match(FETCHES)).toHaveLength(1))

  test.each(['npm install -g ./mcp-oauth-bridge-0.1.0.tgz', 'npx -y mcp-remote', 'npm link'])(
    'the search for such words does not find %s',
    (line) => expect(line.match(FETCHES)).toBeNull(),
  )

  test('README says who owns the name until one is chosen; then README names the one to install', () => {
    const readme = readFileSync(join(ROOT, 'README.md'), 'utf8')
    if (publishName === null) expect(readme).toContain('belongs to another author there')
    else expect(readme).toContain(`npm install -g ${publishName}`)
  })

  test('release.yml publishes under publishName alone, after the check, and nothing else may publish', () => {
    const workflow = readFileSync(join(ROOT, '.github/workflows/release.yml'), 'utf8')
    const [check, publish] = [workflow.indexOf('run: node release/publishable.js'), workflow.indexOf('npm publish --')]
    expect(check).toBeGreaterThan(0)
    expect(publish).toBeGreaterThan(check)
    expect(workflow).toContain('name="$(node release/publishable.js)"')
    expect(workflow).not.toMatch(/name=["']?(@|mcp-oauth)/)
    expect(JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')).private).toBe(true)
  })
})

describe('release/publishable.js', () => {
  async function ask(name: unknown, options: { whoami?: string; fails?: boolean } = {}) {
    const registry = await startRegistry(
      { 'mcp-oauth-bridge': { owners: ['stranger'] }, '@ours/bridge': { owners: ['ann', 'bob'] } },
      options,
    )
    closing.push(() => registry.close())
    const folder = mkdtempSync(join(tmpdir(), 'mcp-oauth-bridge-publish-'))
    closing.push(() => rmSync(folder, { recursive: true, force: true }))
    writeFileSync(join(folder, 'package.json'), JSON.stringify({ publishName: name }))
    writeFileSync(join(folder, '.npmrc'), `registry=${registry.origin}/\n${registry.origin.slice(5)}/:_authToken=x\n`)
    const env = {
      ...{ PATH: process.env.PATH, HOME: folder, npm_config_cache: join(folder, 'cache') },
      ...{ npm_config_userconfig: join(folder, '.npmrc'), npm_config_fetch_retries: '0' },
    }
    return new Promise<{ code: number; stdout: string; stderr: string }>((resolve) => {
      const words = [join(ROOT, 'release/publishable.js')]
      execFile(process.execPath, words, { cwd: folder, env }, (error, stdout, stderr) =>
        resolve({ code: error ? 1 : 0, stdout, stderr }),
      )
    })
  }

  test.each([
    ['mcp-oauth-bridge', { whoami: 'ann' }, 'somebody else’s'],
    ['@ours/bridge', { whoami: 'eve' }, 'somebody else’s'],
    [null, { whoami: 'ann' }, 'not chosen'],
    ['', { whoami: 'ann' }, 'not chosen'],
    ['--registry=x', { whoami: 'ann' }, 'is not a name'],
    ['@ours/new', {}, 'who publishes'],
    ['@ours/new', { whoami: 'ann', fails: true }, 'who publishes'],
  ])('refuses %j when the registry answers %j', async (name, options, why) => {
    const { code, stdout, stderr } = await ask(name, options)
    expect([code, stdout]).toEqual([1, ''])
    expect(stderr).toContain(why)
  })

  test.each([
    ['@ours/bridge', 'bob'],
    ['@ours/new', 'ann'],
  ])('accepts %s for %s', async (name, whoami) => {
    expect(await ask(name, { whoami })).toMatchObject({ code: 0, stdout: `${name}\n` })
  })
})
