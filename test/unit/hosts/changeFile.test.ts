// A person's config file is changed: backup, links, rights, and the lines that differ.
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { changeFile, changeIfSame, difference, readIfThere, untilWritten } from '../../../src/hosts/changeFile.ts'
import { tempFolder } from '../../fakes/tempFolder.ts'
import { codeOf, errorOf } from '../../fakes/thrown.ts'

const temp = tempFolder()
const read = (path: string) => readFileSync(path, 'utf8')

function existing(text = 'old') {
  const folder = temp.fresh('host')
  mkdirSync(folder)
  const path = join(folder, 'mcp.json')
  writeFileSync(path, text)
  return path
}

describe('a file', () => {
  test('that is not there is made, with its folder, for nobody else to read', () => {
    const path = join(temp.fresh('none'), 'a b', 'mcp.json')
    expect(readIfThere(path)).toBe('')
    expect(changeFile(path, 'new')).toBeUndefined()
    expect(read(path)).toBe('new')
    if (process.platform !== 'win32') expect(statSync(path).mode & 0o777).toBe(0o600)
  })

  test('is copied before its first change and not again', () => {
    const path = existing()
    const backup = changeFile(path, 'new')
    expect(read(backup ?? '')).toBe('old')
    expect(changeFile(path, 'newer')).toBeUndefined()
    expect([read(path), read(backup ?? '')]).toEqual(['newer', 'old'])
    expect(readdirSync(dirname(path)).sort()).toEqual(['mcp.json', basename(backup ?? '')])
  })

  test.runIf(process.platform !== 'win32')('keeps its rights', () => {
    const path = existing()
    chmodSync(path, 0o640)
    changeFile(path, 'new')
    expect(statSync(path).mode & 0o777).toBe(0o640)
  })

  test.runIf(process.platform !== 'win32')('behind a link is written, and the link stays', () => {
    const path = existing()
    const link = join(dirname(path), 'link.json')
    const second = join(dirname(path), 'second.json')
    symlinkSync('mcp.json', link)
    symlinkSync(link, second)
    changeFile(second, 'new')
    expect([read(path), lstatSync(link).isSymbolicLink(), lstatSync(second).isSymbolicLink()]).toEqual([
      'new',
      true,
      true,
    ])
  })

  test.runIf(process.platform !== 'win32')('that a link promises is made where the link leads', () => {
    const path = existing()
    const link = join(dirname(path), 'link.json')
    symlinkSync('later.json', link)
    changeFile(link, 'new')
    expect(read(join(dirname(path), 'later.json'))).toBe('new')
    expect(lstatSync(link).isSymbolicLink()).toBe(true)
  })

  test('that cannot be read or written is host_config_invalid', async () => {
    const path = existing()
    expect(await codeOf(() => readIfThere(dirname(path)))).toBe('host_config_invalid')
    expect(await codeOf(() => changeFile(join(path, 'below'), 'new'))).toBe('host_config_invalid')
  })
})

describe('a difference', () => {
  test('shows what goes and comes, with two lines around', () => {
    expect(difference('a\nb\nc\nd\ne\nf\n', 'a\nb\nc\nX\nY\ne\nf\n')).toEqual([
      '  b',
      '  c',
      '- d',
      '+ X',
      '+ Y',
      '  e',
      '  f',
    ])
  })

  test.each([
    ['', 'a\nb\n', ['+ a', '+ b']],
    ['a\n', 'a\na\n', ['  a', '+ a']],
    ['a\na\n', 'a\n', ['  a', '- a']],
    ['a\n', 'a\n', ['  a']],
    ['a\r\nb\r\n', 'a\r\nc\r\n', ['  a', '- b', '+ c']],
  ])('from %j to %j is right at the edges', (before, after, lines) => {
    expect(difference(before, after)).toEqual(lines)
  })
})

describe('a change that was planned on what the file was', () => {
  test('is not made where the file is another by now, and is planned again', async () => {
    const path = existing('one')
    const add = (text: string) => () => {
      const before = read(path)
      // Somebody else writes between the two.
      if (before === 'one') writeFileSync(path, 'two')
      return changeIfSame(path, `${before} ${text}`, () => read(path) === before)
    }
    expect(await add('mine')()).toBeUndefined()
    expect(read(path)).toBe('two')
    writeFileSync(path, 'one')
    expect(await untilWritten(path, add('mine'))).toEqual({ backup: expect.stringContaining(path) })
    expect(read(path)).toBe('two mine')
    expect(readdirSync(dirname(path))).toHaveLength(2)
  })

  test('is given up where somebody writes all the time', async () => {
    const error = await errorOf(untilWritten('/h/mcp.json', () => undefined))
    expect([error.code, error.message]).toEqual(['host_config_invalid', expect.stringContaining('all the time')])
  })

  test('in a folder that cannot be written is refused in the same words', async () => {
    const path = join(existing(), 'below')
    expect(await codeOf(() => changeIfSame(path, 'new', () => true))).toBe('host_config_invalid')
  })

  test('whose lock stays is refused, with the lock to remove', async () => {
    const path = existing()
    const lock = `${path}.mcp-oauth-bridge-lock`
    mkdirSync(lock)
    const wait = async () => {}
    const error = await errorOf(changeIfSame(path, 'new', () => true, { wait }))
    expect([error.code, error.message, error.hint]).toEqual([
      'host_config_invalid',
      expect.stringContaining(`left its lock ${lock}.`),
      expect.stringContaining(`remove ${lock}.`),
    ])
    expect([read(path), readdirSync(dirname(path))]).toEqual(['old', ['mcp.json', basename(lock)]])
  })
})
