// Opening the browser, seen by the program that is opened.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { createBrowser } from '../../../src/system/browser.ts'
import { tempFolder } from '../../fakes/tempFolder.ts'
import { codeOf, errorOf } from '../../fakes/thrown.ts'

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
const AUTHORIZE = 'https://as.example/authorize?client_id=x&state=y'

describe.skipIf(process.platform === 'win32')('the opener', () => {
  test('gets the URL as its only word', async () => {
    const program = opener()
    await createBrowser(program.path, PATH).open(new URL(AUTHORIZE))
    expect(program.argv).toEqual(['1', AUTHORIZE])
  })

  test.each([
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
  ])('gets %j unchanged by any shell', async (part) => {
    const program = opener()
    const url = new URL(AUTHORIZE)
    url.searchParams.set('state', part)
    url.pathname = `/${part}`
    await createBrowser(program.path, PATH).open(url)
    expect(program.argv).toEqual(['1', url.href])
    expect(new URL(program.argv?.[1] ?? '').searchParams.get('state')).toBe(part)
  })

  test('gets 100 kB of query whole', async () => {
    const program = opener()
    const url = new URL(`${AUTHORIZE}&x=${'x'.repeat(100_000)}`)
    await createBrowser(program.path, PATH).open(url)
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
    await createBrowser(program.path, environment).open(new URL(AUTHORIZE))
    expect(program.environment).not.toContain('needle')
    expect(program.environment).toContain('LANG=eo')
  })

  test('that fails is followed by the next of the list', async () => {
    const [first, second] = [opener(1), opener()]
    await createBrowser(`${first.path}:${second.path}`, PATH).open(new URL(AUTHORIZE))
    expect(first.argv).toEqual(['1', AUTHORIZE])
    expect(second.argv).toEqual(['1', AUTHORIZE])
  })

  test('that works keeps the rest of the list from being tried', async () => {
    const [first, second] = [opener(), opener()]
    await createBrowser(`${first.path}::${second.path}`, PATH).open(new URL(AUTHORIZE))
    expect(second.argv).toBeUndefined()
  })

  test('that is not there is followed by the next', async () => {
    const second = opener()
    await createBrowser(`${folder.fresh('nothing')}:${second.path}`, PATH).open(new URL(AUTHORIZE))
    expect(second.argv).toEqual(['1', AUTHORIZE])
  })

  test('that fails last is browser_failed and says how', async () => {
    const program = opener(3)
    const error = await errorOf(createBrowser(program.path, PATH).open(new URL(AUTHORIZE)))
    expect(error.code).toBe('browser_failed')
    expect(error.message).toContain('code 3')
  })

  test('that is not there is browser_failed', async () => {
    expect(await codeOf(createBrowser(folder.fresh('nothing'), PATH).open(new URL(AUTHORIZE)))).toBe('browser_failed')
  })

  test.each(['', ':', '::'])('that is an empty list (%j) is browser_failed', async (list) => {
    expect(await codeOf(createBrowser(list, PATH).open(new URL(AUTHORIZE)))).toBe('browser_failed')
  })

  test('with words of its own is one program’s name, never split or run by a shell', async () => {
    const program = opener()
    expect(await codeOf(createBrowser(`${program.path} --incognito`, PATH).open(new URL(AUTHORIZE)))).toBe(
      'browser_failed',
    )
    expect(program.argv).toBeUndefined()
  })
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
  const error = await errorOf(createBrowser(program.path, PATH).open(new URL(address)))
  expect(error.code).toBe('browser_failed')
  expect(error.message).toContain(new URL(address).protocol)
  expect(error.message).not.toContain('passwd')
  expect(program.argv).toBeUndefined()
})
