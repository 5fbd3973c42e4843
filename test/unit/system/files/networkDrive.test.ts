// Folders on other machines.
import { expect, test } from 'vitest'
import { networkDrive } from '../../../../src/system/files/networkDrive.ts'

const of = (platform: NodeJS.Platform, type: number, folder = '/x') =>
  networkDrive(folder, { platform, typeOf: () => type })

test.each([
  [0x6969, 'NFS'],
  [0xff534d42, 'CIFS'],
  [-11317950, 'CIFS'],
  [0xfe534d42, 'SMB'],
  [0x01021997, '9P, as WSL has drives of Windows'],
])('on Linux the type %i is %s', (type, name) => {
  expect(of('linux', type)).toBe(name)
})

test.each([0xef53, 0x01021994, 0x794c7630, 0x9123683e])('on Linux the type %i is on this machine', (type) => {
  expect(of('linux', type)).toBeUndefined()
})

test.each(['\\\\server\\share\\x', '//server/share/x'])('on Windows %s is a network share', (folder) => {
  expect(of('win32', 0, folder)).toBe('a network share')
})

test.each(['C:\\x', '\\\\?\\C:\\x', '\\\\.\\C:\\x'])('on Windows %s is not known to be one', (folder) => {
  expect(of('win32', 0, folder)).toBeUndefined()
})

test('a folder of this test is on this machine, and one that is not there is no error', () => {
  expect(networkDrive(process.cwd())).toBeUndefined()
  expect(networkDrive('/nowhere/at/all')).toBeUndefined()
})
