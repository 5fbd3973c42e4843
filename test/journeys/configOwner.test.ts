// Whose config file the program believes, with real owners, modes and users: the program runs as root and as somebody else.
import { chmodSync, chownSync, lchownSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { makeHome } from '../servers/home.ts'
import { PROGRAM } from '../servers/host.ts'

let home: ReturnType<typeof makeHome>
afterEach(() => home?.remove())

const isRoot = process.getuid?.() === 0
const ANN = 20_001
const MALLORY = 20_002
const YAML = 'servers: { work: { url: "https://mcp.example.com/mcp" } }\n'

/** Every command that reads a config file, as words after `--config FILE`. */
const COMMANDS = [
  ['work'],
  ['status'],
  ['login', 'work'],
  ['logout', 'work'],
  ['refresh', 'work'],
  ['migrate', 'version'],
  ['support-bundle'],
  ['reset', '--yes'],
  ['install', 'cursor', 'work'],
  ['import', 'mcp-remote'],
]

function given(mode = 0o644, name = 'bridge/config.yaml') {
  home = makeHome()
  const file = home.write(name, YAML)
  chmodSync(file, mode)
  return file
}

describe.skipIf(process.platform === 'win32')('a config file that others can write', () => {
  test.each(COMMANDS)('is config_untrusted for %s %s, with owner, mode and remedy', async (...words) => {
    const file = given(0o666)
    for (const [args, extra] of [
      [[], {}],
      [['--config', file], {}],
      [[], { CONFIG_PATH: file }],
    ] as const) {
      const { code, stdout, stderr } = await home.command([...words.filter(Boolean), ...args], extra)
      expect([code, stdout]).toEqual([2, ''])
      expect(stderr).toContain(
        `${file} is not used: it can be written by other users (uid ${process.getuid?.()}, mode 0666)`,
      )
      expect(stderr).toContain(`chmod go-w ${file}`)
      expect(stderr).toContain('explain config_untrusted')
    }
    chmodSync(file, 0o644)
    expect((await home.command(['status'])).code).toBe(0)
  })

  test.each(['validate-config', 'check-config', 'doctor'])('is reported as a failed check by %s', async (name) => {
    const file = given(0o664)
    const { code, stdout } = await home.command([name, '--json'])
    expect(code).toBe(2)
    const { checks } = JSON.parse(stdout)
    expect(checks[0]).toMatchObject({ status: 'fail', code: 'config_untrusted' })
    expect(checks[0].detail).toContain(file)
  })

  test('is also refused at the next start if its settings are cached, and so is one whose owner changed', async () => {
    const file = given()
    expect((await home.command(['status', 'work'])).code).toBe(0)
    expect((await home.command(['status', 'work'])).code).toBe(0)
    chmodSync(file, 0o664)
    expect((await home.command(['status', 'work'])).code).toBe(2)
    chmodSync(file, 0o644)
    expect((await home.command(['status', 'work'])).code).toBe(0)
    if (!isRoot) return
    chownSync(file, MALLORY, MALLORY)
    expect((await home.command(['status', 'work'])).code).toBe(2)
  })

  test('is reported, with a remedy, to a host that starts a bridge', async () => {
    given(0o646)
    expect((await home.command(['https://mcp.example.com/mcp'])).stderr).toContain('config_untrusted')
  })
})

describe.runIf(isRoot)('among several users', () => {
  /** Ann's home, with what she runs in `cwd`. */
  function annsHome() {
    home = makeHome()
    const as = (args: string[], cwd = home.path, extra: NodeJS.ProcessEnv = {}) =>
      home.command(args, extra, PROGRAM, { cwd, uid: ANN, gid: ANN })
    chownSync(home.path, ANN, ANN)
    return { as }
  }

  function owned(name: string, uid: number, mode = 0o644) {
    const file = home.write(name, YAML)
    chownSync(file, uid, uid)
    chmodSync(file, mode)
    return file
  }

  test('in a shared temporary folder, a config.yaml of another user is not read unless named, and refused if named', async () => {
    const { as } = annsHome()
    const shared = join(home.path, 'tmp')
    mkdirSync(shared)
    chmodSync(shared, 0o1777)
    const theirs = owned('tmp/config.yaml', MALLORY)
    expect(await as(['status'], shared)).toMatchObject({ code: 0 })
    expect((await as(['status', 'work'], shared)).code).toBe(2)
    for (const args of [
      ['status', '--config', theirs],
      ['status', '--config', './config.yaml'],
      ['migrate', 'version'],
      ['validate-config'],
    ]) {
      const { code, stdout, stderr } = await as(args, shared)
      expect(code, args.join(' ')).toBe(2)
      expect(`${stdout}${stderr}`).toContain(`belongs to uid ${MALLORY}, mode 0644`)
    }
    const link = join(shared, 'link.yaml')
    symlinkSync(owned('cloned.yaml', ANN), link)
    lchownSync(link, MALLORY, MALLORY)
    expect((await as(['status', '--config', link])).stderr).toContain(`the symbolic link ${link} of uid ${MALLORY}`)
  })

  test('one of root is accepted for everybody, one of any other user is not', async () => {
    const { as } = annsHome()
    expect((await as(['status', 'work', '--config', owned('root.yaml', 0)])).code).toBe(0)
    expect((await as(['status', 'work', '--config', owned('own.yaml', ANN)])).code).toBe(0)
    expect((await as(['status', 'work', '--config', owned('theirs.yaml', MALLORY)])).code).toBe(2)
    // Who becomes root does not take a user's file along.
    expect((await home.command(['status', '--config', owned('own.yaml', ANN)])).stderr).toContain(`uid ${ANN}`)
  })

  test('a folder that everybody can write, or that another user owns, makes its file untrusted', async () => {
    const { as } = annsHome()
    const file = owned('open/config.yaml', ANN)
    chownSync(join(home.path, 'open'), ANN, ANN)
    chmodSync(join(home.path, 'open'), 0o777)
    expect((await as(['status', '--config', file])).stderr).toContain('which every user can write')
    chmodSync(join(home.path, 'open'), 0o755)
    expect((await as(['status', '--config', file])).code).toBe(0)
    chownSync(join(home.path, 'open'), MALLORY, MALLORY)
    expect((await as(['status', '--config', file])).stderr).toContain(`belongs to uid ${MALLORY}`)
  })

  test('a config folder that the program creates makes its file trusted, whatever the umask', async () => {
    const { as } = annsHome()
    const before = process.umask(0)
    const entry = { command: 'npx', args: ['-y', 'mcp-remote', 'https://mcp.example.com/mcp'] }
    chownSync(home.write('.cursor/mcp.json', JSON.stringify({ mcpServers: { work: entry } })), ANN, ANN)
    const imported = await as(['import', 'mcp-remote'])
    process.umask(before)
    expect(imported.code).toBe(0)
    expect((await as(['status', 'work'])).code).toBe(0)
  })
})

test('a config file that is a named pipe, or enormous, does not block the start', async () => {
  const { execFileSync } = await import('node:child_process')
  home = makeHome()
  const pipe = join(home.path, 'pipe')
  execFileSync('mkfifo', [pipe])
  const big = home.write('big.yaml', '')
  writeFileSync(big, '# '.repeat(1024 * 1024))
  expect((await home.command(['status', '--config', pipe])).stderr).toContain('not a regular file')
  expect((await home.command(['status', '--config', big])).stderr).toContain('larger than 1 MB')
})
