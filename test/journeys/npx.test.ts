// A real npm whose registry has another package of our name: which program runs, before and after ours is installed.
import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startRegistry } from '../servers/registry.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const NAME = 'mcp-oauth-bridge'
const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))

let registry: Awaited<ReturnType<typeof startRegistry>>
let folder: string

/** Runs a word of a person who has nothing but npm; nothing of this machine's own npm is used or changed. */
function type(command: string, prefix = 'prefix'): Promise<string> {
  const bin = join(folder, prefix, 'bin')
  const env = {
    ...{ HOME: folder, npm_config_cache: join(folder, 'cache'), npm_config_prefix: join(folder, prefix) },
    ...{ PATH: [bin, dirname(process.execPath), '/usr/local/bin', '/usr/bin', '/bin'].join(':') },
    ...{ npm_config_registry: `${registry.origin}/`, npm_config_update_notifier: 'false', npm_config_fund: 'false' },
    ...{ npm_config_audit: 'false', npm_config_ignore_scripts: 'true' },
  }
  mkdirSync(join(folder, prefix, 'lib'), { recursive: true })
  return new Promise((resolve) => {
    execFile('sh', ['-c', command], { cwd: join(folder, 'work'), env }, (_error, stdout) => resolve(stdout.trim()))
  })
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'mcp-oauth-bridge-npm-'))
  mkdirSync(join(folder, 'work'))
  registry = await startRegistry({
    [NAME]: { owners: ['stranger'], prints: 'STRANGER' },
    'better-sqlite3': { owners: ['somebody'], version: '13.2.0' },
    '@napi-rs/keyring': { owners: ['somebody'], version: '2.1.2' },
  })
  await type(`npm pack --pack-destination '${folder}' '${ROOT}'`)
  const tarball = readdirSync(folder).find((name) => name.endsWith('.tgz'))
  await type(`npm install -g '${join(folder, tarball ?? 'no tarball')}'`)
}, 120_000)

afterAll(async () => {
  await registry?.close()
  rmSync(folder, { recursive: true, force: true })
})

describe('after npm install -g of the tarball', () => {
  test.each([NAME, `npx ${NAME}`, `npx -y ${NAME}`, `npm exec -- ${NAME}`])(
    '%s is our program, and the registry is not asked for one of its name',
    async (command) => {
      registry.asked.length = 0
      expect(await type(`${command} --version`)).toBe(version)
      expect(registry.asked.filter((line) => line.includes(NAME))).toEqual([])
    },
  )

  test('install writes no npx: whole paths of Node and of the installed copy', async () => {
    await type(`${NAME} install cursor https://mcp.example.com/mcp`)
    const { mcpServers } = JSON.parse(readFileSync(join(folder, '.cursor/mcp.json'), 'utf8'))
    expect(mcpServers.example.command).toBe(process.execPath)
    expect(mcpServers.example.args[0]).toMatch(/^\/.*\/bin\/mcp-oauth-bridge\.js$/)
    expect(JSON.stringify(mcpServers)).not.toContain('npx')
  })

  test('a version, or -p, still means the stranger’s, as docs/installing.md says', async () => {
    expect(await type(`npx -y ${NAME}@latest --version`)).toBe('STRANGER')
    expect(await type(`npx -y -p ${NAME} ${NAME} --version`)).toBe('STRANGER')
  })
})

test('where nothing is installed the name is the stranger’s, so no text of ours uses it', async () => {
  expect(await type(`npx -y ${NAME} --version`, 'empty')).toBe('STRANGER')
})
