// What is said when the keychain package does not load, for each way in which its loader fails.
import { expect, test } from 'vitest'
import { whyUnloaded } from '../../../../src/system/keychain/whyUnloaded.ts'

/** As the loader of @napi-rs/keyring 2 builds it: causes without codes, the last one tried first. */
const loader = (...tried: string[]) =>
  Object.assign(new Error('Cannot find native binding. npm has a bug related to optional dependencies.'), {
    cause: tried.reduce<Error | null>((cause, message) => Object.assign(new Error(message), { cause }), null),
  })
const windows = { platform: 'win32', arch: 'x64' } as const
const linux = { platform: 'linux', arch: 'x64' } as const
const LACKING = "Cannot find module './keyring.win32-x64-gnu.node'\nRequire stack:"

test.each([
  'The specified module could not be found.\r\n\\\\?\\C:\\x\\keyring.win32-x64-msvc.node',
  'Das angegebene Modul wurde nicht gefunden.',
])('on Windows a native part that does not load needs the Visual C++ runtime: %j', (message) => {
  expect(whyUnloaded(loader(LACKING, message, LACKING), windows)).toMatch(
    /Visual C\+\+ runtime is missing, see https:\/\/aka\.ms\/vs\/17\/release\/vc_redist\.x64\.exe$/,
  )
  expect(whyUnloaded(loader(message), { platform: 'win32', arch: 'arm64' })).toContain('vc_redist.arm64.exe')
})

test('native parts that are not installed are told as that', () => {
  const why = 'the native part of the optional package @napi-rs/keyring is not installed for this system'
  for (const system of [windows, linux]) expect(whyUnloaded(loader(LACKING, LACKING), system)).toBe(why)
})

test('elsewhere the reason of the system is told', () => {
  const why = 'libdbus-1.so.3: cannot open shared object file'
  expect(whyUnloaded(loader(why, LACKING), linux)).toBe(`the package @napi-rs/keyring cannot load: ${why}`)
})

test('a package that is not installed is told as that', () => {
  const missing = Object.assign(new Error("Cannot find module '@napi-rs/keyring'"), { code: 'MODULE_NOT_FOUND' })
  expect(whyUnloaded(missing, windows)).toContain('the optional package @napi-rs/keyring is not installed')
})
