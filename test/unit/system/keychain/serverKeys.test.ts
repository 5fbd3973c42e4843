// The sealing keys of a server: where they come from, in which order, and that no error repeats them.
import { randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { keyCommand, whyNotStarted } from '../../../../src/system/keychain/keyCommand.ts'
import { readServerKeys } from '../../../../src/system/keychain/serverKeys.ts'
import { tempFolder } from '../../../fakes/tempFolder.ts'
import { errorOf } from '../../../fakes/thrown.ts'

const folder = tempFolder()
const [one, two] = [randomBytes(32), randomBytes(32)]
const text = one.toString('base64')
const other = two.toString('base64url')

const read = (environment: NodeJS.ProcessEnv, command?: readonly string[], at = folder.path) =>
  readServerKeys({ environment, folder: at, command })
/** A program that runs `code`. */
const node = (code: string) => [process.execPath, '-e', code]

test('without any source there are none', async () => {
  expect(await read({ MCP_OAUTH_BRIDGE_KEY: '', MCP_OAUTH_BRIDGE_KEY_FILE: '' })).toEqual([])
})

test.each([text, ` ${text}\n`, one.toString('base64url'), `${text},${text}`])(
  'one key is read from the variable, however it is written',
  async (value) => {
    expect(await read({ MCP_OAUTH_BRIDGE_KEY: value })).toEqual([one])
  },
)

test.each([',', '\n', ' ', ', ', '\r\n\r\n'])('several keys, separated by %j, keep their order', async (separator) => {
  expect(await read({ MCP_OAUTH_BRIDGE_KEY: `${text}${separator}${other}` })).toEqual([one, two])
})

test('a file is read beside the working folder, and a command by what it prints', async () => {
  const path = folder.fresh('key')
  writeFileSync(path, `${other}\n${text}\n`)
  expect(await read({ MCP_OAUTH_BRIDGE_KEY_FILE: path })).toEqual([two, one])
  writeFileSync(join(folder.path, 'near.key'), text)
  expect(await read({ MCP_OAUTH_BRIDGE_KEY_FILE: 'near.key' })).toEqual([one])
  expect(await read({}, node(`console.log('${text}')`))).toEqual([one])
})

test('two sources are refused, because it is not clear which counts', async () => {
  const error = await errorOf(read({ MCP_OAUTH_BRIDGE_KEY: text }, node('')))
  expect([error.code, error.message]).toEqual([
    'config_invalid',
    expect.stringContaining('MCP_OAUTH_BRIDGE_KEY and serve.key_command'),
  ])
})

describe('a source that gives no key', () => {
  test.each([
    [{ MCP_OAUTH_BRIDGE_KEY: 'canary-secret' }, 'the key is not 32 bytes of base64'],
    [{ MCP_OAUTH_BRIDGE_KEY: `${text},canary-secret` }, 'key 2 of 2 is not 32 bytes'],
    [{ MCP_OAUTH_BRIDGE_KEY: `${text.slice(0, -1)}canary-secret` }, 'is not 32 bytes'],
    [{ MCP_OAUTH_BRIDGE_KEY: ' , ' }, 'holds no key'],
  ])('in the variable (%#) is told with what a key is, and not repeated', async (environment, words) => {
    const { code, message, hint } = await errorOf(read(environment))
    expect([code, message]).toEqual(['key_missing', expect.stringContaining(words)])
    expect(hint).toContain('openssl rand -base64 32')
    expect(message + hint).not.toContain('canary')
  })

  test('a file that is not there, or is a folder, is named', async () => {
    expect((await errorOf(read({ MCP_OAUTH_BRIDGE_KEY_FILE: '/nowhere/key' }))).message).toMatch(/nowhere.*not exist/)
    expect((await errorOf(read({ MCP_OAUTH_BRIDGE_KEY_FILE: folder.path }))).code).toBe('config_not_found')
  })

  test.each([
    [['/nowhere/program'], 'the program was not found'],
    [[`${process.execPath}/program`], 'the program was not found'],
    [['a program with \0'], 'it could not be started (ERR_INVALID_ARG_VALUE)'],
    [[...node(''), 'canary-secret'.repeat(100_000)], 'it could not be started (E2BIG)'],
    [node('console.log("canary-secret"); process.exit(3)'), 'it exited with 3'],
    [node('console.log("canary-secret"); process.kill(process.pid, "SIGKILL")'), 'it was ended by SIGKILL'],
    [node('console.log("canary-secret".repeat(10000))'), 'it printed more than 64 KB'],
    [node('console.log("canary-secret")'), 'is not 32 bytes of base64'],
    [node(''), 'holds no key'],
  ])('a command (%#) is told in words, and never what it printed', async (command, words) => {
    const { code, message, hint } = await errorOf(read({}, command))
    expect([code, message]).toEqual(['key_missing', expect.stringContaining(words)])
    expect(message + hint).not.toContain('canary')
  })

  test('a script of Windows is told to be one', () => {
    const refused = Object.assign(new Error('spawn EINVAL'), { code: 'EINVAL' })
    expect(whyNotStarted('C:\\tools\\key.CMD', refused)).toContain('it must be a program')
    expect(whyNotStarted('C:\\tools\\key.exe', refused)).toBe('it could not be started (EINVAL)')
  })

  test('a command that does not end is ended', async () => {
    const error = await errorOf(keyCommand(node('setInterval(() => {}, 1000)'), 300))
    expect(error.message).toContain('did not end within 0.3 s')
  })
})

test('the command gets the environment without our own variables, and no shell', async () => {
  process.env.MCP_OAUTH_BRIDGE_CANARY = 'x'
  process.env.SOME_SECRET_OF_A_KEY_SERVICE = 'y'
  try {
    const code = `console.log(process.env.MCP_OAUTH_BRIDGE_CANARY, process.env.SOME_SECRET_OF_A_KEY_SERVICE, process.argv[1])`
    expect((await keyCommand([...node(code), '$(id); `id`'])).trim()).toBe('undefined y $(id); `id`')
  } finally {
    delete process.env.MCP_OAUTH_BRIDGE_CANARY
    delete process.env.SOME_SECRET_OF_A_KEY_SERVICE
  }
})
