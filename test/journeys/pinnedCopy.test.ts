// install --pin: the host starts a private copy that outlives the one it was made from; uninstall and reset remove it.
import {
  cpSync,
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { makeHome } from '../servers/home.ts'
import { PROGRAM } from '../servers/host.ts'
import { startStage } from '../servers/stage.ts'

const URL = 'https://mcp.example.com/mcp'
const source = (name: string) => fileURLToPath(new globalThis.URL(`../../${name}`, import.meta.url))

let home: ReturnType<typeof makeHome>
beforeEach(() => {
  home = makeHome()
})
afterEach(() => home.remove())

const servers = () => JSON.parse(readFileSync(join(home.path, '.cursor/mcp.json'), 'utf8')).mcpServers
const copies = () => {
  const folder = join(home.path, 'bridge/program')
  return existsSync(folder) ? readdirSync(folder) : []
}

describe('install --pin', () => {
  test('leaves the host with a command that bridges after the program and the cache of npx are gone', async () => {
    const stage = await startStage()
    try {
      const cache = join(home.path, 'npm/_npx/0123abcd')
      const copy = join(cache, 'node_modules/mcp-oauth-bridge')
      for (const name of ['bin', 'dist', 'docs', 'package.json'])
        cpSync(source(name), join(copy, name), { recursive: true })
      for (const name of readdirSync(source('node_modules')))
        if (/^(better-sqlite3|bindings|file-uri-to-path|@napi-rs)$/.test(name))
          symlinkSync(source(`node_modules/${name}`), join(cache, 'node_modules', name))
      // Started by npx, it needs no --pin.
      const program = join(copy, 'bin/mcp-oauth-bridge.js')
      const printed = await home.command(['install', '--print', stage.server.url], {}, program)
      expect(printed).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining('npm install -g') })
      expect(copies()).toEqual([])
      const installed = await home.command(
        ['install', 'cursor', stage.server.url, '--name', 'x', '--callback-url', stage.callbackUrl],
        {},
        program,
      )
      expect(installed.code, installed.stderr).toBe(0)
      rmSync(cache, { recursive: true })
      const entry = servers().x
      expect(entry.args[0]).toContain(join(home.path, 'bridge/program'))
      const host = stage.hostOfEntry(entry)
      expect(await host.isMet()).toBe(true)
      expect((await host.request('tools/list')).result.tools.length).toBeGreaterThan(0)
      await host.close()
    } finally {
      await stage.close()
    }
  })

  test('makes one copy for all hosts, for nobody else to write, and uninstall removes it with the last entry', async () => {
    const [first, second] = [
      await home.command(['install', 'cursor', URL, '--pin']),
      await home.command(['install', 'goose', URL, '--pin']),
    ]
    expect([first.code, second.code], first.stderr + second.stderr).toEqual([0, 0])
    expect(copies()).toHaveLength(1)
    expect(statSync(join(home.path, 'bridge/program')).mode & 0o777).toBe(0o700)
    expect((await home.command(['install', 'cursor', URL, '--pin'])).stderr).toContain('Nothing was changed')
    await home.command(['uninstall', 'cursor', URL])
    expect(copies()).toHaveLength(1)
    const removed = await home.command(['uninstall', 'goose', URL])
    expect(removed.stderr).toContain(`Removed ${join(home.path, 'bridge/program')}`)
    expect(copies()).toEqual([])
  })

  test('writes no copy with --dry-run, and none with --print', async () => {
    const shown = await home.command(['install', 'cursor', URL, '--pin', '--dry-run'])
    expect([shown.code, shown.stdout.includes('bridge/program')]).toEqual([0, true])
    expect((await home.command(['install', '--print', URL, '--pin'])).code).toBe(2)
    expect(copies()).toEqual([])
  })

  test('an older copy is told by status and doctor, and reset removes it and names its hosts', async () => {
    await home.command(['install', 'cursor', URL, '--pin'])
    expect((await home.command(['status'])).stderr).not.toContain('older')
    const [copy = ''] = copies()
    const old = copy.replace(/^\d+\.\d+\.\d+/, '0.0.9')
    renameSync(join(home.path, 'bridge/program', copy), join(home.path, 'bridge/program', old))
    const path = join(home.path, '.cursor/mcp.json')
    writeFileSync(path, readFileSync(path, 'utf8').replace(copy, old))
    expect((await home.command(['status'])).stderr).toContain(`${old} is older than this program`)
    const { checks } = JSON.parse((await home.command(['doctor', '--json'])).stdout)
    expect(checks.find(({ name }: { name: string }) => name === 'versions')).toMatchObject({
      status: 'warn',
      detail: expect.stringContaining('is older than this program'),
    })
    const reset = await home.command(['reset', '--yes'])
    expect([reset.code, copies()], reset.stderr).toEqual([0, []])
    expect(reset.stderr).toContain('Cursor starts that copy')
  })
})

test('without --pin the host starts this program where it is', async () => {
  await home.command(['install', 'cursor', URL])
  expect(servers().example.args[0]).toBe(PROGRAM)
  expect(copies()).toEqual([])
})
