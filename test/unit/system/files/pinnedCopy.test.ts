// Private copies of the program: whole, or made again.
import { existsSync, mkdirSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { pinnedScript, pinProgram } from '../../../../src/system/files/pinnedCopy.ts'
import { tempFolder } from '../../../fakes/tempFolder.ts'

const folder = tempFolder()

/** A small program as npm installs it, and a data folder. */
function setUp() {
  const root = folder.fresh('package')
  for (const part of ['bin', 'dist']) mkdirSync(join(root, part), { recursive: true })
  writeFileSync(join(root, 'package.json'), '{"version":"1.2.3"}')
  writeFileSync(join(root, 'bin/it.js'), '// starts')
  writeFileSync(join(root, 'dist/run.js'), '// runs')
  const data = folder.fresh('data')
  const script = join(root, 'bin/it.js')
  return { script, data, copied: pinnedScript(script, data), all: join(data, 'program') }
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

test('what a killed process has left is removed, and the draft of one that is at work is not', () => {
  const { script, data, all } = setUp()
  for (const name of ['.killed', '.at-work']) mkdirSync(join(all, name, 'bin'), { recursive: true })
  const before = new Date(Date.now() - 11 * 60_000)
  utimesSync(join(all, '.killed'), before, before)
  pinProgram(script, data)
  expect(readdirSync(all).filter((name) => name.startsWith('.'))).toEqual(['.at-work'])
})
