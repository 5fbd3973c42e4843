// Private copies of the program: whole, or made again.
import { existsSync, mkdirSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { pinnedScript, pinProgram } from '../../../../src/system/files/pinnedCopy.ts'
import { tempFolder } from '../../../fakes/tempFolder.ts'

const folder = tempFolder()

/** Files by their path in `root`. */
function write(root: string, files: Readonly<Record<string, string>>): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), text)
  }
}

/** A small program as npm installs it, and a data folder. */
function setUp() {
  const root = folder.fresh('package')
  for (const part of ['bin', 'dist']) mkdirSync(join(root, part), { recursive: true })
  writeFileSync(join(root, 'package.json'), '{"version":"1.2.3","optionalDependencies":{"native":"1","other":"1"}}')
  writeFileSync(join(root, 'bin/it.js'), '// starts')
  writeFileSync(join(root, 'dist/run.js'), '// runs')
  const data = join(folder.fresh('home'), 'data')
  const script = join(root, 'bin/it.js')
  return { root, script, data, copied: pinnedScript(script, data), all: join(data, 'program') }
}

test('a copy whose code is damaged is made again, and a whole one is left alone', () => {
  const { script, data, copied } = setUp()
  pinProgram(script, data)
  const code = join(copied, '../../dist/run.js')
  writeFileSync(code, '')
  pinProgram(script, data)
  expect(readFileSync(code, 'utf8')).toBe('// runs')
  const note = join(copied, '../../note')
  writeFileSync(note, 'still there')
  pinProgram(script, data)
  expect(existsSync(note)).toBe(true)
  expect(pinnedScript(copied, data)).toBe(copied)
})

/** What npm puts there when the packages that are optional can be installed. */
const PACKAGES = {
  'node_modules/native/package.json': '{"version":"1.0.0","dependencies":{"bindings":"1"}}',
  'node_modules/native/build/Release/native.node': 'code',
  'node_modules/native/src/native.cpp': 'source',
  'node_modules/bindings/package.json': '{"version":"1.0.0"}',
}

test('a copy that was made without the packages is followed by one with them, once they are installed', () => {
  const { root, script, data, copied } = setUp()
  pinProgram(script, data)
  write(root, PACKAGES)
  pinProgram(script, data)
  const whole = dirname(dirname(pinnedScript(script, data)))
  expect(whole).not.toBe(dirname(dirname(copied)))
  expect(readFileSync(join(whole, 'node_modules/native/build/Release/native.node'), 'utf8')).toBe('code')
  expect(existsSync(join(whole, 'node_modules/bindings/package.json'))).toBe(true)
  expect(existsSync(join(whole, 'node_modules/native/src'))).toBe(false)
  // The one before may still run.
  expect(existsSync(copied)).toBe(true)
  write(root, { 'node_modules/native/build/Release/native.node': 'code for another Node' })
  expect(pinnedScript(script, data)).not.toContain(whole)
})

test.each([
  ['a native file is damaged', 'node_modules/native/build/Release/native.node'],
  ['the start is damaged', 'bin/it.js'],
  ['the manifest is damaged', 'package.json'],
  ['the manifest of a package is damaged', 'node_modules/native/package.json'],
])('a copy in which %s is made again', (_, path) => {
  const { root, script, data } = setUp()
  write(root, PACKAGES)
  pinProgram(script, data)
  const whole = dirname(dirname(pinnedScript(script, data)))
  write(whole, { [path]: '{' })
  pinProgram(script, data)
  expect(readFileSync(join(whole, path), 'utf8')).toBe(readFileSync(join(root, path), 'utf8'))
})

test('packages in a folder above the copy are not its own: it is whole without them', () => {
  const { script, data, copied } = setUp()
  write(dirname(data), { 'node_modules/native/package.json': '{"version":"1.0.0"}' })
  pinProgram(script, data)
  write(dirname(dirname(copied)), { note: 'still there' })
  pinProgram(script, data)
  expect(existsSync(join(copied, '../../note'))).toBe(true)
})

test('what a killed process has left is removed, and the draft of one that is at work is not', () => {
  const { script, data, all } = setUp()
  for (const name of ['.killed', '.at-work']) mkdirSync(join(all, name, 'bin'), { recursive: true })
  const before = new Date(Date.now() - 11 * 60_000)
  utimesSync(join(all, '.killed'), before, before)
  pinProgram(script, data)
  expect(readdirSync(all).filter((name) => name.startsWith('.'))).toEqual(['.at-work'])
})
