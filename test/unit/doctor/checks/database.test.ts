// What doctor says about the database: only what the system was asked.
import { expect, test } from 'vitest'
import { whatWasSeen } from '../../../../src/doctor/checks/database.ts'
import { isOutsideProfile } from '../../../../src/doctor/checks/sealingKey.ts'

test('"private" and "nobody has it open" are said only where the system tells', () => {
  expect(whatWasSeen('linux', [])).toEqual(['private; no other program has it open'])
  expect(whatWasSeen('linux', [{ pid: 1, name: 'node', locks: 'none' }])).toEqual([
    'private; also open in node (pid 1)',
  ])
  expect(whatWasSeen('darwin', [])).toEqual(['private'])
  expect(whatWasSeen('win32', [])).toEqual([])
})

test.each([
  ['C:\\Users\\ann\\.mcp-oauth-bridge', false],
  ['c:\\users\\ANN\\x', false],
  ['C:\\Users\\anna', true],
  ['C:\\bridge', true],
  ['D:\\Users\\ann', true],
  ['\\\\server\\share', true],
])('on Windows a key file in %s is outside the profile: %s', (folder, isOutside) => {
  expect(isOutsideProfile(folder, { platform: 'win32', home: 'C:\\Users\\ann' })).toBe(isOutside)
})

test('elsewhere the file itself is private', () => {
  expect(isOutsideProfile('/srv', { platform: 'linux', home: '/home/ann' })).toBe(false)
})
