// Opening the browser, seen by the program that is opened.
import type { SpawnOptions, spawn } from 'node:child_process'
import { EventEmitter } from 'node:events'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { createBrowser, systemOpeners } from '../../../../src/system/person/browser.ts'
import { tempFolder } from '../../../fakes/tempFolder.ts'
import { codeOf, errorOf } from '../../../fakes/thrown.ts'

const folder = tempFolder()

/** An opener that writes down its words and its environment, then ends with `code`. */
function opener(code = 0) {
  const path = folder.fresh('opener')
  const script = `#!/bin/sh
printf '%s\\n' "$#" "$@" > "$0.argv"
env > "$0.env"
exit ${code}
`
  writeFileSync(path, script, { mode: 0o755 })
  return {
    path,
    get argv() {
      return existsSync(`${path}.argv`) ? readFileSync(`${path}.argv`, 'utf8').trimEnd().split('\n') : undefined
    },
    get environment() {
      return readFileSync(`${path}.env`, 'utf8')
    },
  }
}

const PATH = { PATH: process.env.PATH }
const HERE = { platform: process.platform, wsl: false }
const browserOf = (program: string, environment: NodeJS.ProcessEnv = PATH) =>
  createBrowser({ program, environment, surroundings: HERE })
const AUTHORIZE = 'https://as.example/authorize?client_id=x&state=y'

/** What shells, PowerShell and cmd take apart. */
const HOSTILE = [
  '$(touch /tmp/x)',
  '`id`',
  '"&calc&"',
  "';id;'",
  '%COMSPEC%',
  '|id',
  '^',
  '\\',
  '-x',
  '*',
  '~',
  '$HOME',
  '\u202e',
  'ü',
  '$(calc)',
  '%PATH%&calc.exe',
  '\u2019;calc;\u2018',
  '\n',
  '\r',
  '\0',
  '\u0430pple',
  '!x!',
  '<x>',
  '{x,y}',
  '"',
]

describe.skipIf(process.platform === 'win32')('the opener', () => {
  test('gets the URL as its only argument', async () => {
    const program = opener()
    await browserOf(program.path).open(new URL(AUTHORIZE))
    expect(program.argv).toEqual(['1', AUTHORIZE])
  })

  test.each(HOSTILE)('gets %j unchanged by any shell', async (part) => {
    const program = opener()
    const url = new URL(AUTHORIZE)
    url.searchParams.set('state', part)
    url.pathname = `/${part}`
    await browserOf(program.path).open(url)
    expect(program.argv).toEqual(['1', url.href])
    expect(new URL(program.argv?.[1] ?? '').searchParams.get('state')).toBe(part)
  })

  test('gets 100 kB of query whole', async () => {
    const program = opener()
    const url = new URL(`${AUTHORIZE}&x=${'x'.repeat(100_000)}`)
    await browserOf(program.path).open(url)
    expect(program.argv?.[1]).toBe(url.href)
  })

  test('has none of our secrets in its environment', async () => {
    const program = opener()
    const environment = {
      ...PATH,
      LANG: 'eo',
      MCP_OAUTH_BRIDGE_KEY: 'needle-1',
      GOOGLE_CLIENT_SECRET: 'needle-2',
      GITHUB_TOKEN: 'needle-3',
      db_password: 'needle-4',
    }
    await browserOf(program.path, environment).open(new URL(AUTHORIZE))
    expect(program.environment).not.toContain('needle')
    expect(program.environment).toContain('LANG=eo')
  })

  test('that fails is followed by the next of the list', async () => {
    const [first, second] = [opener(1), opener()]
    await browserOf(`${first.path}:${second.path}`).open(new URL(AUTHORIZE))
    expect(first.argv).toEqual(['1', AUTHORIZE])
    expect(second.argv).toEqual(['1', AUTHORIZE])
  })

  test('that works prevents the rest of the list from being tried', async () => {
    const [first, second] = [opener(), opener()]
    await browserOf(`${first.path}::${second.path}`).open(new URL(AUTHORIZE))
    expect(second.argv).toBeUndefined()
  })

  test('that is missing is followed by the next', async () => {
    const second = opener()
    await browserOf(`${folder.fresh('nothing')}:${second.path}`).open(new URL(AUTHORIZE))
    expect(second.argv).toEqual(['1', AUTHORIZE])
  })

  test('that fails last is browser_failed and says how', async () => {
    const program = opener(3)
    const error = await errorOf(browserOf(program.path).open(new URL(AUTHORIZE)))
    expect(error.code).toBe('browser_failed')
    expect(error.message).toContain('code 3')
  })

  test('that is missing is browser_failed', async () => {
    expect(await codeOf(browserOf(folder.fresh('nothing')).open(new URL(AUTHORIZE)))).toBe('browser_failed')
  })

  test('whose path leads through a file is followed by the next, and alone is browser_failed', async () => {
    const second = opener()
    await browserOf(`${second.path}/firefox:${second.path}`).open(new URL(AUTHORIZE))
    expect(second.argv).toEqual(['1', AUTHORIZE])
    const error = await errorOf(browserOf(`${second.path}/firefox`).open(new URL(AUTHORIZE)))
    expect(error.code).toBe('browser_failed')
    expect(error.message).toContain('/firefox could not be started: spawn ENOTDIR')
  })

  test.each(['', ':', '::'])('that is an empty list (%j) is browser_failed', async (list) => {
    expect(await codeOf(browserOf(list).open(new URL(AUTHORIZE)))).toBe('browser_failed')
  })

  test('with arguments is one program’s name, never split or run by a shell', async () => {
    const program = opener()
    expect(await codeOf(browserOf(`${program.path} --incognito`).open(new URL(AUTHORIZE)))).toBe('browser_failed')
    expect(program.argv).toBeUndefined()
  })
})

describe('the system’s browser', () => {
  /** What would be started on a system of another kind. */
  function recorder(
    environment: NodeJS.ProcessEnv,
    surroundings: { platform: NodeJS.Platform; wsl: boolean },
    { program, exit = 0 }: { program?: string; exit?: number } = {},
  ) {
    const started: { program: string; words: readonly string[]; options: SpawnOptions }[] = []
    const start = ((program: string, words: readonly string[], options: SpawnOptions) => {
      started.push({ program, words, options })
      const child = Object.assign(new EventEmitter(), { unref: () => undefined })
      queueMicrotask(() => child.emit('exit', exit))
      return child
    }) as unknown as typeof spawn
    return {
      started,
      browser: createBrowser({ program, environment, surroundings, start, find: (name) => name }),
    }
  }

  const SYSTEMS = [
    ['win32', false, 'D:\\Windows\\System32\\rundll32.exe', ['url.dll,FileProtocolHandler']],
    ['linux', true, '/mnt/c/Windows/System32/rundll32.exe', ['url.dll,FileProtocolHandler']],
    ['darwin', false, '/usr/bin/open', []],
    ['linux', false, 'xdg-open', []],
    ['freebsd', false, 'xdg-open', []],
  ] as const

  test.each(SYSTEMS)('on %s (WSL: %s) is opened by %s with one serialised URL and no shell', async (...system) => {
    const [platform, wsl, program, words] = system
    for (const part of HOSTILE) {
      const url = new URL(AUTHORIZE)
      url.searchParams.set('state', part)
      url.hash = part
      const environment = { SystemRoot: 'D:\\Windows', GITHUB_TOKEN: 'needle' }
      const { started, browser } = recorder(environment, { platform, wsl })
      await browser.open(url)
      expect(started).toHaveLength(1)
      expect(started[0]).toMatchObject({ program, words: [...words, url.href] })
      expect(started[0]?.options).toMatchObject({ shell: false, stdio: 'ignore', env: { SystemRoot: 'D:\\Windows' } })
      expect(started[0]?.options.env).not.toHaveProperty('GITHUB_TOKEN')
      expect(started[0]?.options).not.toHaveProperty('windowsVerbatimArguments')
      // Nothing that Windows takes apart or Node would have to quote.
      expect(started[0]?.words.at(-1)).toMatch(/^https:\/\/[!#-~]+$/)
      expect(new URL(started[0]?.words.at(-1) ?? '').href).toBe(url.href)
    }
  })

  test.each(['win32', 'linux', 'darwin'] as const)('on %s is not told to hide its window', async (platform) => {
    const { started, browser } = recorder({}, { platform, wsl: false })
    await browser.open(new URL(AUTHORIZE))
    expect(started[0]?.options.windowsHide).toBe(false)
  })

  test.each([
    'surf.cmd',
    'C:\\surf\\surf.cmd',
    'C:\\surf\\surf.BAT',
    '"C:\\a b\\surf.cmd"',
    'surf.ps1',
    'C:\\Users\\ann\\Surf.lnk',
    'surf.vbs',
  ])('on Windows is not the script or link %s, which is browser_failed in words', async (program) => {
    const { started, browser } = recorder({}, { platform: 'win32', wsl: false }, { program })
    const error = await errorOf(browser.open(new URL(AUTHORIZE)))
    expect(error.code).toBe('browser_failed')
    expect(error.message).toContain('it is a script or a link, for which Windows needs a shell')
    expect(error.hint).toContain('.exe')
    expect(started).toEqual([])
  })

  test('on Windows may be named in the quotes that cmd keeps', async () => {
    const { started, browser } = recorder({}, { platform: 'win32', wsl: false }, { program: '"C:\\a b\\surf.exe"' })
    await browser.open(new URL(AUTHORIZE))
    expect(started[0]?.program).toBe('C:\\a b\\surf.exe')
  })

  test.each(['explorer', 'explorer.exe', 'C:\\Windows\\explorer.exe'])(
    '%s has opened it although it ends with 1',
    async (program) => {
      const { started, browser } = recorder({}, { platform: 'win32', wsl: false }, { program, exit: 1 })
      await browser.open(new URL(AUTHORIZE))
      expect(started).toHaveLength(1)
    },
  )

  test.each(['win32', 'linux', 'darwin'] as const)('on %s is never started by cmd or PowerShell', (platform) => {
    const openers = [true, false].flatMap((wsl) => systemOpeners({ platform, wsl }, {}))
    expect(JSON.stringify(openers)).not.toMatch(/cmd|powershell|\bsh\b|start/i)
  })

  test('in WSL is that of Windows, wherever its drive is mounted, else that of Linux', () => {
    const programs = systemOpeners({ platform: 'linux', wsl: true }, {}).map(({ program }) => program)
    expect(programs).toEqual(['/mnt/c/Windows/System32/rundll32.exe', 'rundll32.exe', 'xdg-open'])
  })

  test('in WSL starts in a folder that Windows can enter', async () => {
    const { started, browser } = recorder({}, { platform: 'linux', wsl: true })
    await browser.open(new URL(AUTHORIZE))
    expect(started[0]?.options.cwd).toBe('/mnt/c/Windows/System32')
  })
})

test('an address with a user name is not opened, and only scheme and host are named', async () => {
  const program = opener()
  const error = await errorOf(browserOf(program.path).open(new URL('https://alice:needle@as.example/needle?needle')))
  expect(error.code).toBe('browser_failed')
  expect(error.message).toContain('https://as.example')
  expect(error.message).not.toMatch(/needle|alice/)
  expect(program.argv).toBeUndefined()
})

test.each([
  'file:///etc/passwd',
  'javascript:alert(1)',
  'data:text/html,x',
  'vscode://x',
  'ftp://x/',
  'smb://x/',
  'ms-settings:x',
  'mailto:x',
])('%s is not opened, and only its scheme is named', async (address) => {
  const program = opener()
  const error = await errorOf(browserOf(program.path).open(new URL(address)))
  expect(error.code).toBe('browser_failed')
  expect(error.message).toContain(new URL(address).protocol)
  expect(error.message).not.toContain('passwd')
  expect(program.argv).toBeUndefined()
})
