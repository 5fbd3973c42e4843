// The browser that BROWSER names, as doctor judges it: it finds what a sign-in would start, and nothing else.
import { expect, test } from 'vitest'
import { judgeNamed } from '../../../../src/doctor/checks/machine.ts'
import type { Machine } from '../../../../src/system/process/programs.ts'

const windows = (programs: readonly string[]): Machine => ({
  platform: 'win32',
  environment: { Path: 'C:\\surf' },
  folder: 'D:\\cloned',
  home: 'C:\\Users\\ann',
  isProgram: (path) => programs.includes(path),
  real: (path) => path,
})

test.each(['surf', 'surf.exe', 'C:\\surf\\surf', '"C:\\surf\\surf.exe"'])('on Windows %s is surf.exe', (name) => {
  expect(judgeNamed(name, windows(['C:\\surf\\surf.exe'])).status).toBe('pass')
})

test.each([
  ['surf', 'it is not on PATH'],
  ['surf.cmd', 'it is a script or a link'],
  ['C:\\surf\\surf.cmd', 'it is a script or a link'],
  ['C:\\surf\\surf.exe', 'is not a program that can be started'],
])('on Windows %s fails where there is only a script of that name: %s', (name, why) => {
  const { status, code, detail } = judgeNamed(name, windows(['C:\\surf\\surf.cmd']))
  expect([status, code]).toEqual(['fail', 'browser_failed'])
  expect(detail).toContain(why)
})

test('elsewhere the first program of the list that can be started counts', () => {
  const linux: Machine = { ...windows(['/b/surf']), platform: 'linux', environment: { PATH: '/a:/b' }, folder: '/x' }
  expect(judgeNamed('nothing:surf', linux).detail).toBe('surf opens the sign-in page.')
  expect(judgeNamed('nothing:/c/surf', linux).status).toBe('fail')
})
