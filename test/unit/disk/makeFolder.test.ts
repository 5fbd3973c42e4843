// Folders are created with their parents, and where none can be the reason is there at once.
import { existsSync, mkdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { makeFolder } from '../../../src/disk/makeFolder.ts'
import { whyUnusable } from '../../../src/system/files/private.ts'
import { tempFolder } from '../../fakes/tempFolder.ts'

const codeOf = (folder: string) => {
  try {
    makeFolder(folder)
    return undefined
  } catch (thrown) {
    return (thrown as NodeJS.ErrnoException).code
  }
}

describe('a folder is created', () => {
  test('with all its parents, for its owner alone', () => {
    const folder = join(tempFolder().path, 'a', 'b', 'c')
    makeFolder(folder)
    expect(statSync(folder).mode & 0o777).toBe(process.platform === 'win32' ? 0o666 : 0o700)
  })

  test('and one that exists is left as it is, also through a link and at the root', () => {
    const base = tempFolder().path
    mkdirSync(join(base, 'there'), { mode: 0o755 })
    symlinkSync(join(base, 'there'), join(base, 'link'))
    const before = statSync(join(base, 'there')).mode
    for (const folder of [join(base, 'there'), join(base, 'link'), base, '/']) makeFolder(folder)
    expect(statSync(join(base, 'there')).mode).toBe(before)
  })
})

describe('a folder that cannot be created', () => {
  const base = tempFolder().path
  writeFileSync(join(base, 'file'), '')
  symlinkSync(join(base, 'gone'), join(base, 'dangling'))
  symlinkSync(join(base, 'circle'), join(base, 'circle'))
  const places: [string, string | undefined][] = [
    [join(base, 'file'), 'EEXIST'],
    [join(base, 'file', 'sub'), 'ENOTDIR'],
    [join(base, 'file', 'sub', 'sub'), 'ENOTDIR'],
    [join(base, 'dangling'), 'EEXIST'],
    [join(base, 'circle', 'sub'), 'ELOOP'],
    [join(base, 'x'.repeat(300)), 'ENAMETOOLONG'],
  ]
  if (process.platform === 'linux')
    places.push(
      ['/proc/nowhere', 'ENOENT'],
      ['/proc/nowhere/deep/er', 'ENOENT'],
      ['/proc/self/nowhere', 'ENOENT'],
      ['/dev/null', 'EEXIST'],
      ['/dev/null/sub', 'ENOTDIR'],
    )

  test.each(places)('%s fails at once with %s', (folder, code) => {
    expect(codeOf(folder)).toBe(code)
    expect(existsSync(join(base, 'gone'))).toBe(false)
  })

  test.each(places.filter(([folder]) => !folder.includes('dangling')))('%s is known without trying', (folder) => {
    expect(whyUnusable(folder)).toMatchObject({ code: 'database_unreachable' })
    expect(whyUnusable(folder)?.message).toContain(folder)
  })

  test('nothing is said against one that can be', () => {
    for (const folder of [base, join(base, 'new'), join(base, 'new', 'er')]) expect(whyUnusable(folder)).toBeUndefined()
    expect(existsSync(join(base, 'new'))).toBe(false)
  })
})
