// Files that another program has open, and full disks: what Windows answers is played on the built program, at each place that renames or deletes.
import { execFile } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, test } from 'vitest'
import { makeHome } from '../servers/home.ts'
import { PROGRAM, spawnHost } from '../servers/host.ts'
import { startStage } from '../servers/stage.ts'

let home: ReturnType<typeof makeHome>
afterEach(() => home?.remove())

interface Refusal {
  readonly call: string
  readonly path: string
  readonly code: string
  readonly times?: number
  readonly meanwhile?: { readonly file: string; readonly text: string }
}
const refusing = (...refused: readonly Refusal[]) => ({
  NODE_OPTIONS: `--import=file://${fileURLToPath(new URL('../servers/refuse.js', import.meta.url))}`,
  REFUSED: JSON.stringify(refused),
})

const URL_ = 'https://mcp.example.com/mcp'
const IN_USE = ['EPERM', 'EBUSY', 'EACCES']
const DRAFT = 'mcp\\.json\\.[0-9a-f-]{36}$'
const NOT_A_DATABASE = 'this is no database, and long enough to be looked at as one: '.repeat(40)

describe('a host’s file', () => {
  const given = () => {
    home = makeHome()
    const path = home.write('.cursor/mcp.json', '{ "mcpServers": {} }\n')
    const left = () => [readFileSync(path, 'utf8'), readdirSync(dirname(path))]
    return { path, left }
  }

  test.each(IN_USE)(
    'in use (%s) is named with the reason, is unchanged, and nothing is left beside it',
    async (code) => {
      const { path, left } = given()
      const before = left()
      const refused = refusing({ call: 'renameSync', path: DRAFT, code })
      const run = await home.command(['install', 'cursor', URL_], refused)
      expect(run.code).toBe(2)
      expect(run.stderr).toContain('host_config_invalid')
      expect(run.stderr).toMatch(new RegExp(`${path} cannot be written: .*another program has it open.*\\(${code}\\)`))
      expect(run.stderr).toContain('Quit the host')
      expect(left()).toEqual(before)
    },
  )

  test('in use for a moment is changed', async () => {
    const { path } = given()
    const refused = refusing({ call: 'renameSync', path: 'cursor', code: 'EBUSY', times: 5 })
    expect((await home.command(['install', 'cursor', URL_], refused)).code).toBe(0)
    expect(readFileSync(path, 'utf8')).toContain(URL_)
    expect(readdirSync(dirname(path)).sort()).toEqual(['mcp.json', 'mcp.json.before-mcp-oauth-bridge'])
  })

  test('keeps what the host writes while it has it open, and so does its backup', async () => {
    const { path } = given()
    const text = '{ "mcpServers": {}, "theirs": "since then" }\n'
    const meanwhile = { file: path, text }
    const refused = refusing({ call: 'renameSync', path: DRAFT, code: 'EPERM', times: 2, meanwhile })
    expect((await home.command(['install', 'cursor', URL_], refused)).code).toBe(0)
    expect(JSON.parse(readFileSync(path, 'utf8'))).toMatchObject({ mcpServers: { example: {} }, theirs: 'since then' })
    expect(readdirSync(dirname(path)).sort()).toEqual(['mcp.json', 'mcp.json.before-mcp-oauth-bridge'])
    expect(readFileSync(`${path}.before-mcp-oauth-bridge`, 'utf8')).toBe(text)
  })

  test.each(['writeFileSync', 'renameSync'])(
    'on a full disk (%s) is unchanged, without half a backup',
    async (call) => {
      const { left } = given()
      const before = left()
      const run = await home.command(['install', 'cursor', URL_], refusing({ call, path: 'cursor', code: 'ENOSPC' }))
      expect(run.code).toBe(2)
      expect(run.stderr).toContain('the disk is full (ENOSPC)')
      expect(left()).toEqual(before)
    },
  )

  test('that cannot be read for a moment is read', async () => {
    given()
    const refused = refusing({ call: 'readFileSync', path: 'cursor', code: 'EBUSY', times: 3 })
    expect((await home.command(['install', 'cursor', URL_], refused)).code).toBe(0)
  })
})

test.each(IN_USE)('a log in use (%s) goes on in the large file', async (code) => {
  home = makeHome()
  const log = home.write('bridge/logs/proxy.log', `${'x'.repeat(99)}\n`.repeat(55_000))
  const size = statSync(log).size
  const refused = refusing({ call: 'renameSync', path: 'proxy\\.log', code })
  const words = [PROGRAM, 'http://127.0.0.1:9/mcp']
  const host = spawnHost(process.execPath, words, { ...home.environment, ...refused })
  await host.close()
  expect(readdirSync(dirname(log))).toEqual(['proxy.log'])
  expect(statSync(log).size).toBeGreaterThan(size)
  expect(readFileSync(log, 'utf8').slice(size)).toContain('proxy:start')
})

describe('a broken database', () => {
  const given = () => {
    home = makeHome()
    const path = home.write('bridge/oauth.db', NOT_A_DATABASE)
    return { path, folder: dirname(path) }
  }

  test.each(IN_USE)('in use (%s) is database_unreachable, and says what to quit', async (code) => {
    const { path, folder } = given()
    const { code: exit, stderr } = await home.command(
      ['status'],
      refusing({ call: 'renameSync', path: 'oauth\\.db$', code }),
    )
    expect(exit).toBe(5)
    expect(stderr).toContain('database_unreachable')
    expect(stderr).toContain(`(${code})`)
    expect(stderr).toContain('Quit the hosts that run mcp-oauth-bridge')
    expect(readFileSync(path, 'utf8')).toBe(NOT_A_DATABASE)
    expect(readdirSync(folder).filter((name) => name.includes('corrupt'))).toEqual([])
  })
})

describe('a private copy of the program', () => {
  const install = async () => {
    home = makeHome()
    expect((await home.command(['install', 'cursor', URL_, '--pin'])).code).toBe(0)
  }
  const copies = () => {
    const all = join(home.path, 'bridge/program')
    return existsSync(all) ? readdirSync(all) : []
  }

  test('in use for a moment is removed with its last entry', async () => {
    await install()
    const refused = refusing({ call: 'rmSync', path: 'bridge.program', code: 'EBUSY', times: 3 })
    expect((await home.command(['uninstall', 'cursor', URL_], refused)).stderr).toContain('Removed ')
    expect(copies()).toEqual([])
  })

  test.each(IN_USE)('that a host still runs (%s) stays, and is said to', async (code) => {
    await install()
    const refused = refusing({ call: 'rmSync', path: 'bridge.program', code })
    const run = await home.command(['uninstall', 'cursor', URL_], refused)
    expect([run.code, copies().length]).toEqual([0, 1])
    expect(run.stderr).toContain('could not be removed: a host still runs it. reset removes it later.')
  })

  test.each(['renameSync', 'rmSync'])(
    'that cannot be made (%s: EPERM) is an error in words, and the host’s file stays',
    async (call) => {
      home = makeHome()
      const file = home.write('.cursor/mcp.json', '{ "mcpServers": {} }\n')
      const refused = refusing({ call, path: 'bridge.program', code: 'EPERM' })
      const run = await home.command(['install', 'cursor', URL_, '--pin'], refused)
      expect(run.code).toBe(5)
      expect(run.stderr).toContain('(EPERM)')
      expect(readFileSync(file, 'utf8')).toBe('{ "mcpServers": {} }\n')
    },
  )
})

test('reset names the file that is in use, with the reason', async () => {
  home = makeHome()
  home.write('bridge/oauth.db', '')
  const refused = refusing({ call: 'rmSync', path: 'oauth\\.db$', code: 'EBUSY' })
  const { code, stderr } = await home.command(['reset', '--yes'], refused)
  expect(code).toBe(5)
  expect(stderr).toMatch(/oauth\.db cannot be removed: another program has it open \(EBUSY\)/)
  expect(stderr).toContain('Quit the hosts')
})

test('a cached config that cannot be written is not missed, and leaves no draft', async () => {
  home = makeHome()
  home.write('bridge/config.yaml', `mcp_server_url: ${URL_}\n`)
  const refused = refusing({ call: 'renameSync', path: 'config-cache', code: 'EPERM' })
  expect((await home.command(['status'], refused)).code).toBe(0)
  expect(readdirSync(join(home.path, 'bridge')).filter((name) => name.startsWith('config-cache'))).toEqual([])
})

describe.runIf(process.platform === 'linux')('output', () => {
  const shell = (words: string, end: string, first = '') =>
    new Promise<{ code: number; stderr: string }>((resolve) => {
      const args = ['-c', `${first} "$0" "$@" ${end}`, process.execPath, PROGRAM, ...words.split(' ')]
      execFile('bash', args, { env: home.environment, cwd: home.path }, (error, _, stderr) =>
        resolve({ code: Number(error?.code ?? 0), stderr }),
      )
    })

  const FILELESS = ['explain usage', 'completion bash', '--help', `install --print ${URL_}`]
  test.each(['status --json', ...FILELESS])(
    'of %s that is lost on a full disk is an error, and none of a reader who has left',
    async (words) => {
      home = makeHome()
      expect(await shell(words, '> /dev/full')).toEqual({
        code: 2,
        stderr: expect.stringContaining('error: The output could not be written: the disk is full (ENOSPC).'),
      })
      expect(await shell(words, '| true; exit $PIPESTATUS')).toEqual({ code: 0, stderr: '' })
    },
  )

  test.each(FILELESS)('of %s that a file takes only the first bytes of is an error, and else whole', async (words) => {
    home = makeHome()
    // As on a disk that fills up, the system takes what has room.
    const part = home.write('part', 'x'.repeat(1014))
    expect(await shell(words, `>> ${part}`, 'ulimit -f 1;')).toEqual({
      code: 2,
      stderr: expect.stringContaining('could not be written: the file may not become that large (EFBIG).'),
    })
    expect(statSync(part).size).toBe(1024)
    const [file, piped] = [join(home.path, 'file'), join(home.path, 'piped')]
    expect(await shell(words, `> ${file}`)).toEqual({ code: 0, stderr: '' })
    expect(await shell(words, `| cat > ${piped}`)).toEqual({ code: 0, stderr: '' })
    expect(readFileSync(file, 'utf8')).toBe(readFileSync(piped, 'utf8'))
    expect(statSync(file).size).toBeGreaterThan(10)
  })
})

test('a support bundle says why it has no log, and reset why it finds no files', async () => {
  home = makeHome()
  const file = home.write('file', '')
  home.write('bridge/config.yaml', `log_file: ${join(file, 'proxy.log')}\n`)
  const bundle = await home.command(['support-bundle'])
  expect(bundle.code).toBe(0)
  expect(JSON.parse(bundle.stdout).log).toEqual({
    message: 'The log cannot be read: a part of its path is not a folder (ENOTDIR).',
  })
  const reset = await home.command(['reset', '--yes'])
  expect([reset.code, reset.stderr]).toEqual([5, expect.stringContaining(`The folder ${file} cannot be read`)])
})

test('a support bundle on a full disk is not left in part', async () => {
  home = makeHome()
  const file = join(home.path, 'bundle.json')
  const refused = refusing({ call: 'writeFileSync', path: 'bundle\\.json$', code: 'ENOSPC' })
  const { code, stderr } = await home.command(['support-bundle', '--output', file, '--yes'], refused)
  expect([code, existsSync(file)]).toEqual([2, false])
  expect(stderr).toContain('the disk is full (ENOSPC)')
})

test.each([
  ['writeFileSync', 'ENOSPC', 'the disk is full (ENOSPC)'],
  ['renameSync', 'EACCES', '(EACCES)'],
])(
  'a key file that cannot be written (%s: %s) ends a sign-in in words, and leaves no draft',
  async (call, code, words) => {
    const stage = await startStage()
    try {
      stage.config('secret_store: file\n')
      const login = ['login', stage.server.url, '--callback-url', stage.callbackUrl]
      const refused = refusing({ call, path: '\\.key(\\.|$)', code })
      const run = await stage.command(login, { ...refused, BROWSER: stage.opener('exec "$SOMEBODY" "$1"') })
      expect(run.code).toBe(5)
      expect(run.stderr).toContain('database_unreachable')
      expect(run.stderr).toContain(words)
      expect(readdirSync(stage.home).filter((name) => name.includes('.key'))).toEqual([])
    } finally {
      await stage.close()
    }
  },
)

describe('a callback port that the system keeps for itself (EACCES)', () => {
  const login = async (words: readonly string[], refused: Refusal) => {
    const stage = await startStage()
    try {
      const opener = stage.opener('exec "$SOMEBODY" "$1"')
      const all = ['login', stage.server.url, '--callback-url', stage.callbackUrl, ...words]
      return await stage.command(all, { ...refusing(refused), BROWSER: opener })
    } finally {
      await stage.close()
    }
  }

  test('does not keep a client that is registered on the way from signing in', async () => {
    const taken = { call: 'listen', path: '^[1-9]', code: 'EACCES', times: 10 }
    expect(await login([], taken)).toMatchObject({ code: 0 })
  })

  test('is port_in_use for a client that was registered by hand', async () => {
    const { code, stderr } = await login(['--client-id', 'mine'], { call: 'listen', path: '^[1-9]', code: 'EACCES' })
    expect(code).toBe(3)
    expect(stderr).toContain('port_in_use')
    expect(stderr).toContain('(EACCES)')
  })
})
