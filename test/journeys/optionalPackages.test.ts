// A machine where npm could not install an optional package: the program starts, works without it where it can, and says what is missing where it cannot.
import { cpSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, test } from 'vitest'
import { spawnHost } from '../servers/host.ts'
import { runProgram } from '../servers/runProgram.ts'
import { startStage } from '../servers/stage.ts'

let stage: Awaited<ReturnType<typeof startStage>>
afterEach(() => stage?.close())

const source = (name: string) => fileURLToPath(new URL(`../../${name}`, import.meta.url))
const hasOwnSqlite = process.getBuiltinModule?.('node:sqlite') !== undefined

/** What stands in node_modules under a package's name: nothing, the real one, or one that throws such an error when it loads. */
type Installed = 'missing' | 'whole' | { readonly version: string; readonly throws: string; readonly code?: string }

/** A copy of the program whose optional packages are as given. */
async function installed(packages: Readonly<Record<'better-sqlite3' | '@napi-rs/keyring', Installed>>) {
  stage = await startStage()
  const copy = join(stage.home, 'a copy')
  for (const name of ['bin', 'dist', 'package.json']) cpSync(source(name), join(copy, name), { recursive: true })
  for (const [name, state] of Object.entries(packages)) {
    const folder = join(copy, 'node_modules', name)
    mkdirSync(join(folder, '..'), { recursive: true })
    if (state === 'whole') symlinkSync(source(`node_modules/${name}`), folder)
    if (typeof state === 'string') continue
    mkdirSync(folder)
    writeFileSync(join(folder, 'package.json'), JSON.stringify({ name, version: state.version, main: 'index.js' }))
    const { throws, code } = state
    writeFileSync(
      join(folder, 'index.js'),
      `throw Object.assign(new Error(${JSON.stringify(throws)}), ${JSON.stringify({ code })})`,
    )
  }
  const program = join(copy, 'bin/mcp-oauth-bridge.js')
  const words = [stage.server.url, '--callback-url', stage.callbackUrl]
  return {
    run: (...more: string[]) => runProgram(more, stage.environment, { cwd: stage.home }, program),
    words,
    host: () => spawnHost(process.execPath, [program, ...words], stage.environment),
  }
}

const DRIVERS: [string, Installed, RegExp][] = [
  ['is not installed', 'missing', /the optional package better-sqlite3 is not installed/],
  [
    'was installed without its native part',
    { version: '12.9.0', throws: 'Could not locate the bindings file. Tried:\n → /somewhere/better_sqlite3.node' },
    /better-sqlite3 was installed without its native part/,
  ],
  [
    'was built for another version of Node',
    {
      version: '12.9.0',
      throws: 'The module was compiled against a different Node.js version using\nNODE_MODULE_VERSION 127.',
      code: 'ERR_DLOPEN_FAILED',
    },
    /better-sqlite3 was installed by another version of Node/,
  ],
  [
    'lacks a library of the system',
    { version: '12.9.0', throws: 'libstdc++.so.6: cannot open shared object file', code: 'ERR_DLOPEN_FAILED' },
    /better-sqlite3 cannot load \(libstdc\+\+\.so\.6: cannot open shared object file\)/,
  ],
]

describe('better-sqlite3', () => {
  test.each(DRIVERS)(
    '%s: Node’s own SQLite is used; Node 20, which has none, says what is missing and what to do',
    async (_, state, why) => {
      const { run, words, host } = await installed({ 'better-sqlite3': state, '@napi-rs/keyring': 'whole' })
      const login = await run('login', ...words)
      const doctor = JSON.parse((await run('doctor', '--json', ...words)).stdout)
      const database = doctor.checks.find(({ name }: { name: string }) => name === 'database')
      const started = host()
      if (hasOwnSqlite) {
        expect(login.code).toBe(0)
        expect(database.detail).toContain('node:sqlite')
        expect((await started.initialize()).result).toBeDefined()
        return void (await started.close())
      }
      expect(login.code).toBe(5)
      expect(login.stdout).toBe('')
      expect(login.stderr).toMatch(why)
      expect(login.stderr).toMatch(/^hint: .*Node 22\.14.*C\+\+ compiler/m)
      expect(login.stderr).not.toMatch(/^\s+at /m)
      expect(database).toMatchObject({ status: 'fail', code: 'database_unreachable' })
      expect(database.detail).toMatch(why)
      const call = await started.request('tools/call', { name: 'echo', arguments: { message: 'x' } })
      expect(call.error.data).toMatchObject({ source: 'mcp-oauth-bridge', code: 'database_unreachable' })
      expect(call.error.message).toMatch(why)
      expect(await started.close()).toBe(0)
      expect(started.stderr).toMatch(why)
    },
  )
})

describe('@napi-rs/keyring', () => {
  test.each<[string, Installed, RegExp]>([
    ['is not installed', 'missing', /the optional package @napi-rs\/keyring is not installed/],
    [
      'has no native part',
      { version: '2.1.2', throws: 'Cannot find native binding. npm has a bug.' },
      /the native part of the optional package @napi-rs\/keyring is not installed/,
    ],
    [
      'cannot load',
      { version: '2.1.2', throws: 'GLIBC_2.38 not found (required by keyring.node)', code: 'ERR_DLOPEN_FAILED' },
      /@napi-rs\/keyring cannot load: GLIBC_2\.38 not found/,
    ],
  ])(
    '%s: the key is kept in a private file, and secret_store: keychain says why it cannot be used',
    async (_, state, why) => {
      const { run, words } = await installed({ 'better-sqlite3': 'whole', '@napi-rs/keyring': state })
      const before = JSON.parse((await run('doctor', '--json', ...words)).stdout)
      const check = before.checks.find(({ name }: { name: string }) => name === 'keychain')
      expect(check).toMatchObject({ status: 'warn', code: 'keychain_unavailable' })
      expect(check.detail).toMatch(why)
      const config = stage.config('secret_store: keychain\n', 'keychain.yaml')
      const refused = await run('login', ...words, '--config', config)
      expect(refused.code).toBe(5)
      expect(refused.stderr).toMatch(why)
      expect((await run('login', ...words)).code).toBe(0)
      const status = JSON.parse((await run('status', '--json')).stdout)
      expect(status.secret_store).toBe('file')
      expect(status.secret_store_reason).toMatch(why)
      expect((await run('status')).stdout).toMatch(/^Sealing key: file, because the keychain cannot be used: /m)
      const after = JSON.parse((await run('doctor', '--json', ...words)).stdout)
      expect(after.checks.find(({ name }: { name: string }) => name === 'keychain').detail).toMatch(why)
    },
  )
})
