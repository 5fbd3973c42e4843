// Which program a name stands for: never one that whoever wrote the working folder put there.
import { dirname } from 'node:path'
import { describe, expect, test } from 'vitest'
import {
  findProgram,
  type Machine,
  quietFolder,
  safePath,
  withSafePath,
} from '../../../../src/system/process/programs.ts'

const machine = (PATH: string, programs: readonly string[], more: Partial<Machine> = {}): Machine => ({
  platform: 'linux',
  environment: { PATH },
  folder: '/srv/cloned',
  home: '/home/ann',
  isProgram: (path) => programs.includes(path),
  real: (folder) => folder,
  ...more,
})

describe('a program of the system', () => {
  test('is the first one on PATH that is in an absolute folder', () => {
    expect(findProgram('xdg-open', machine('/a:/b:/c', ['/b/xdg-open', '/c/xdg-open']))).toBe('/b/xdg-open')
    expect(findProgram('xdg-open', machine('/a', []))).toBeUndefined()
  })

  test.each([
    '',
    '.',
    './',
    'bin',
    '../x',
    '/srv/cloned',
    '/srv/cloned/',
    '/srv/cloned/bin',
    '/srv/cloned/../cloned/bin',
  ])('is not used from the PATH element %j of a hostile working folder', (element) => {
    const everywhere = { isProgram: () => true }
    expect(findProgram('xdg-open', machine(element, [], everywhere))).toBeUndefined()
    expect(findProgram('xdg-open', machine(`${element}:/usr/bin`, [], everywhere))).toBe('/usr/bin/xdg-open')
    expect(safePath(machine(`/usr/bin:${element}:/bin`, []))).toEqual(['/usr/bin', '/bin'])
    expect(withSafePath(machine(`/usr/bin:${element}`, []))).toEqual({ PATH: '/usr/bin' })
  })

  test('is not used from where npx and npm run put the programs of a package, above the working folder too', () => {
    const path = '/srv/node_modules/.bin:/node_modules/.bin/:/usr/bin'
    expect(safePath(machine(path, []))).toEqual(['/usr/bin'])
  })

  test('is not used from a link to the working folder', () => {
    const real = (folder: string) => folder.replace('/linked', '/srv/cloned')
    expect(safePath(machine('/linked/bin:/usr/bin', [], { real }))).toEqual(['/usr/bin'])
  })

  test('is not used from the working folder where no home is known', () => {
    expect(safePath(machine('/srv/cloned/bin:/usr/bin', [], { home: undefined }))).toEqual(['/usr/bin'])
    expect(quietFolder({ home: undefined })).toBe(dirname(process.execPath))
  })

  test.each(['/', '/home', '/home/ann'])('may be in the home folder if a host starts us in %s', (folder) => {
    expect(safePath(machine('/home/ann/bin:/usr/bin', [], { folder }))).toEqual(['/home/ann/bin', '/usr/bin'])
  })

  test.each(['./tool', 'tools/tool', '../tool'])('%s is not found: its path is relative', (name) => {
    expect(findProgram(name, machine('/usr/bin', [], { isProgram: () => true }))).toBeUndefined()
  })

  test('that is named by its full path is that one', () => {
    expect(findProgram('/opt/b/firefox', machine('', []))).toBe('/opt/b/firefox')
  })

  test('on Windows is found by its extension, and never in the working folder or on its drive', () => {
    const windows = (PATH: string, programs: readonly string[]) =>
      machine(PATH, programs, {
        platform: 'win32',
        environment: { Path: PATH },
        folder: 'D:\\cloned',
        home: 'C:\\Users\\ann',
      })
    const firefox = 'C:\\ff\\firefox.exe'
    expect(findProgram('firefox', windows('.;;D:\\cloned\\bin;\\x;C:\\ff', [firefox]))).toBe(firefox)
    expect(findProgram('firefox.exe', windows('C:\\ff', [firefox]))).toBe(firefox)
    const all = { ...windows('C:\\ff', []), isProgram: () => true }
    for (const name of ['.\\tool.exe', 'tools/tool.exe', '\\tool.exe', 'D:tool.exe', '/tool.exe'])
      expect(findProgram(name, all), name).toBeUndefined()
    expect(findProgram('D:\\x\\tool.exe', all)).toBe('D:\\x\\tool.exe')
    expect(withSafePath(windows('.;C:\\ff', []))).toEqual({ Path: 'C:\\ff' })
  })
  test.each([
    ['surf', 'C:\\surf\\surf.exe'],
    ['C:\\surf\\surf', 'C:\\surf\\surf.exe'],
    ['C:\\surf\\surf.exe', 'C:\\surf\\surf.exe'],
    ['C:\\surf\\com', 'C:\\surf\\com.com'],
    ['C:\\surf\\nothing', 'C:\\surf\\nothing'],
    ['C:\\surf\\plain', 'C:\\surf\\plain'],
  ])('on Windows %s is %s, as Windows adds the ending', (name, path) => {
    const there = ['C:\\surf\\surf.exe', 'C:\\surf\\com.com', 'C:\\surf\\plain']
    const windows = machine('', there, { platform: 'win32', environment: { Path: 'C:\\surf' }, home: 'C:\\Users\\ann' })
    expect(findProgram(name, { ...windows, folder: 'D:\\cloned' })).toBe(path)
  })
})
