// Commands that only look: the whole home is listed before and after, with times, sizes and modes.
import { createHash } from 'node:crypto'
import { chmodSync, lstatSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { openDatabase, openUnmigrated } from '../../src/store/sqlite/database.ts'
import { freePort } from '../servers/freePort.ts'
import { makeHome } from '../servers/home.ts'

let home: ReturnType<typeof makeHome>
afterEach(() => home?.remove())

/** Everything below the home and the home itself; what is read changes its time of reading only. */
function listing(): Record<string, string> {
  const names = ['', ...readdirSync(home.path, { recursive: true, encoding: 'utf8' })]
  return Object.fromEntries(
    names.sort().map((name) => {
      const path = join(home.path, name)
      const { mode, uid, size, ino, mtimeNs, ctimeNs } = lstatSync(path, { bigint: true })
      const content = lstatSync(path).isFile() ? createHash('sha256').update(readFileSync(path)).digest('hex') : ''
      return [name, [mode.toString(8), uid, size, ino, mtimeNs, ctimeNs, content].join(' ')]
    }),
  )
}

const STATES = {
  'nothing there yet': () => undefined,
  'a database that is closed': (file: string) => openDatabase(file).close(),
  'a database without tables': (file: string) => openUnmigrated(file).close(),
  'a database that was not closed well': (file: string) => {
    const database = openDatabase(file)
    database.exec('CREATE TABLE left_over (x)')
    for (const end of ['', '-wal', '-shm']) writeFileSync(`${file}x${end}`, readFileSync(file + end))
    database.close()
    for (const end of ['', '-wal', '-shm']) writeFileSync(file + end, readFileSync(`${file}x${end}`))
  },
  'a database, log and folder with open rights': (file: string) => {
    openDatabase(file).close()
    mkdirSync(join(file, '../logs'))
    writeFileSync(join(file, '../logs/proxy.log'), '{}\n')
    for (const path of [file, join(file, '../logs/proxy.log')]) chmodSync(path, 0o644)
    chmodSync(join(file, '..'), 0o755)
  },
  'a file that is no database': (file: string) => writeFileSync(file, 'mine, and not to be replaced\n'.repeat(200)),
}

test.each(Object.entries(STATES))('check-config and validate-config change no file, with %s', async (_, make) => {
  home = makeHome()
  const file = home.write(
    'bridge/config.yaml',
    `servers: { work: { url: "https://mcp.example.com/mcp" } }\ncallback_url: http://localhost:${await freePort()}/auth/callback\n`,
  )
  make(join(home.path, 'bridge/oauth.db'))
  const before = listing()
  // Also where Node would keep what it has compiled.
  const extra = { XDG_CACHE_HOME: join(home.path, 'cache') }
  for (const args of [
    ['check-config'],
    ['check-config', file, '--json'],
    ['--debug', 'check-config'],
    ['validate-config'],
  ])
    await home.command(args, extra)
  expect(listing()).toEqual(before)
})
