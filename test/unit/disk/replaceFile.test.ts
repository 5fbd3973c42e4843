// A file that is replaced: whole or as it was, tried again while another program has it open.
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { basename, dirname } from 'node:path'
import { describe, expect, test } from 'vitest'
import { PATIENT_WAITS_MS, replaceFile } from '../../../src/disk/replaceFile.ts'
import { tempFolder } from '../../fakes/tempFolder.ts'

const folder = tempFolder()
const failure = (code: string) => Object.assign(new Error(`${code}: rename`), { code })
const beside = (path: string) => readdirSync(dirname(path)).filter((name) => name.startsWith(`${basename(path)}.`))

/** A rename that fails so often, and the waits that were made. */
function refusing(code: string, times: number) {
  const waits: number[] = []
  let tries = 0
  const rename = (from: string, to: string) => {
    if (++tries <= times) throw failure(code)
    renameSync(from, to)
  }
  return { waits, tries: () => tries, rename, wait: (ms: number) => void waits.push(ms) }
}

test('a new file has the text and the mode, and nothing else is left in its folder', () => {
  const path = folder.fresh('new.json')
  replaceFile(path, 'ü', 0o600)
  expect(readFileSync(path, 'utf8')).toBe('ü')
  if (process.platform !== 'win32') expect(statSync(path).mode & 0o777).toBe(0o600)
  expect(beside(path)).toEqual([])
})

test('an existing file is replaced by another one: a process that has the old one open reads it to its end', () => {
  const path = folder.fresh('old.json')
  writeFileSync(path, 'old')
  const before = statSync(path).ino
  replaceFile(path, 'new', 0o600)
  expect(readFileSync(path, 'utf8')).toBe('new')
  if (process.platform !== 'win32') expect(statSync(path).ino).not.toBe(before)
})

describe('a file that another program has open', () => {
  test.each(['EPERM', 'EBUSY', 'EACCES'])('is tried again after %s, each time a little later', (code) => {
    const path = folder.fresh('busy.json')
    const { rename, wait, waits } = refusing(code, 3)
    replaceFile(path, 'new', 0o600, { rename, wait })
    expect(readFileSync(path, 'utf8')).toBe('new')
    expect(waits).toEqual([...waits].sort((a, b) => a - b))
    expect(waits).toHaveLength(3)
  })

  test('is given up after less than a second, and unchanged', () => {
    const path = folder.fresh('busy.json')
    writeFileSync(path, 'old')
    const { rename, wait, waits } = refusing('EBUSY', Number.POSITIVE_INFINITY)
    expect(() => replaceFile(path, 'new', 0o600, { rename, wait })).toThrow('EBUSY')
    expect(waits.reduce((sum, ms) => sum + ms, 0)).toBeLessThan(1_000)
    expect(readFileSync(path, 'utf8')).toBe('old')
    expect(beside(path)).toEqual([])
  })

  test('that a person’s program reads as it likes is waited for up to about 3 s', () => {
    const { rename, wait, waits } = refusing('EBUSY', Number.POSITIVE_INFINITY)
    const path = folder.fresh('busy.json')
    expect(() => replaceFile(path, 'new', 0o600, { rename, wait, waitsMs: PATIENT_WAITS_MS })).toThrow('EBUSY')
    const total = waits.reduce((sum, ms) => sum + ms, 0)
    expect(total).toBeGreaterThan(2_500)
    expect(total).toBeLessThan(3_500)
  })

  test('leaves no draft where the draft is in use too, and the first failure is told', () => {
    const path = folder.fresh('busy.json')
    const { rename, wait } = refusing('EBUSY', Number.POSITIVE_INFINITY)
    let tries = 0
    const remove = (draft: string) => {
      if (++tries <= 3) throw failure('EPERM')
      rmSync(draft)
    }
    expect(() => replaceFile(path, 'new', 0o600, { rename, wait, remove })).toThrow('EBUSY')
    expect([tries, beside(path)]).toEqual([4, []])
    const never = () => {
      throw failure('EPERM')
    }
    expect(() => replaceFile(path, 'new', 0o600, { rename, wait, remove: never })).toThrow('EBUSY')
  })
})

test.each(['ENOSPC', 'EXDEV'])('%s is not tried again, and nothing is left in its folder', (code) => {
  const path = folder.fresh('full.json')
  const { rename, wait, tries } = refusing(code, 1)
  expect(() => replaceFile(path, 'new', 0o600, { rename, wait })).toThrow(code)
  expect([tries(), existsSync(path), beside(path)]).toEqual([1, false, []])
})

test('a missing folder is reported at once', () => {
  expect(() => replaceFile(`${folder.fresh('none')}/a/b.json`, 'x', 0o600)).toThrow('ENOENT')
})
