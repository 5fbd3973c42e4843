// Rights of files and folders, whatever the umask.
import { execFileSync } from 'node:child_process'
import { chmodSync, chownSync, existsSync, mkdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { ensurePrivateFolder, makePrivate, whyShared, withPrivateUmask } from '../../../../src/system/files/private.ts'
import { tempFolder } from '../../../fakes/tempFolder.ts'
import { codeOf, errorOf } from '../../../fakes/thrown.ts'

const folder = tempFolder()
const mode = (path: string) => statSync(path).mode & 0o777

function umask(value: number) {
  const before = process.umask(value)
  onTestFinished(() => void process.umask(before))
}

describe.skipIf(process.platform === 'win32')('a private folder', () => {
  test.each([0, 0o022, 0o077])('is 0700 with its new parents under umask %i', (value) => {
    umask(value)
    const parent = folder.fresh('parent')
    ensurePrivateFolder(join(parent, 'ours'))
    expect([mode(parent), mode(join(parent, 'ours'))]).toEqual([0o700, 0o700])
  })

  test('that was open to others is closed to them; its parent is not changed', () => {
    const parent = folder.fresh('parent')
    mkdirSync(join(parent, 'ours'), { recursive: true })
    chmodSync(parent, 0o755)
    chmodSync(join(parent, 'ours'), 0o777)
    ensurePrivateFolder(join(parent, 'ours'))
    expect([mode(parent), mode(join(parent, 'ours'))]).toEqual([0o755, 0o700])
  })

  test('that is for all users, as /tmp is, is refused and keeps its permissions', async () => {
    const shared = folder.fresh('shared')
    mkdirSync(join(shared, 'of-a-program'), { recursive: true })
    chmodSync(shared, 0o1777)
    const error = await errorOf(() => ensurePrivateFolder(shared))
    expect([error.code, error.hint]).toEqual(['permissions_unsafe', expect.stringContaining(join(shared, 'mcp-'))])
    expect(statSync(shared).mode & 0o7777).toBe(0o1777)
  })

  test.each([[], ['oauth.db', 'config.yaml', 'logs']])(
    'that everybody may use, and nobody does but us (%j), is taken',
    (...names) => {
      const mount = folder.fresh('mount')
      mkdirSync(mount)
      for (const name of names) writeFileSync(join(mount, name), '')
      chmodSync(mount, 0o1777)
      ensurePrivateFolder(mount)
      expect(mode(mount)).toBe(0o700)
    },
  )

  // Only looked at: a test must not close them where this fails.
  test
    .runIf(process.platform === 'linux')
    .each(['/', '/tmp/', '/var/tmp', '/var/tmp/.', '/dev/shm', '/usr/share', '/etc', '/home'])(
    'of the system, %s, is for all users, whatever is in it',
    (system) => expect(whyShared(system)?.code).toBe('permissions_unsafe'),
  )

  test.runIf(process.getuid?.() === 0)(
    'that holds files of other users is refused, whoever may make files there',
    async () => {
      const shared = folder.fresh('shared')
      mkdirSync(join(shared, 'of-another'), { recursive: true })
      chownSync(join(shared, 'of-another'), 1, 1)
      chmodSync(shared, 0o755)
      expect(await codeOf(() => ensurePrivateFolder(shared))).toBe('permissions_unsafe')
      chmodSync(shared, 0o700)
      ensurePrivateFolder(shared)
    },
  )

  test('that is a link is refused', async () => {
    const real = folder.fresh('real')
    const link = folder.fresh('link')
    mkdirSync(real)
    symlinkSync(real, link)
    const error = await errorOf(() => ensurePrivateFolder(link))
    expect([error.code, error.message]).toEqual(['permissions_unsafe', `${link} is a symbolic link.`])
  })

  test('cannot be created in place of a file', async () => {
    const path = folder.fresh('file')
    writeFileSync(path, '')
    expect(await codeOf(() => ensurePrivateFolder(join(path, 'ours')))).toBe('database_unreachable')
  })
})

describe.skipIf(process.platform === 'win32')('a private file', () => {
  test.each([0o644, 0o666, 0o640, 0o400, 0o777])('gets exactly 0600 from %i', (before) => {
    const path = folder.fresh('file')
    writeFileSync(path, '')
    chmodSync(path, before)
    makePrivate(path, 0o600)
    expect(mode(path)).toBe(0o600)
  })

  test('that is missing is not created', () => {
    const path = folder.fresh('file')
    makePrivate(path, 0o600)
    expect(existsSync(path)).toBe(false)
  })

  test('that is a link is refused, and its target keeps its permissions', async () => {
    const target = folder.fresh('target')
    const link = folder.fresh('link')
    writeFileSync(target, '')
    chmodSync(target, 0o644)
    symlinkSync(target, link)
    expect(await codeOf(() => makePrivate(link, 0o600))).toBe('permissions_unsafe')
    expect(mode(target)).toBe(0o644)
  })

  test('that is a dangling link is refused', async () => {
    const link = folder.fresh('link')
    symlinkSync(folder.fresh('nothing'), link)
    expect(await codeOf(() => makePrivate(link, 0o600))).toBe('permissions_unsafe')
  })

  test('that is a folder or a pipe is refused, and keeps its permissions', async () => {
    const [inner, pipe] = [folder.fresh('inner'), folder.fresh('pipe')]
    mkdirSync(inner)
    execFileSync('mkfifo', [pipe])
    for (const path of [inner, pipe]) {
      chmodSync(path, 0o755)
      const { code, message } = await errorOf(() => makePrivate(path, 0o600))
      expect([code, message]).toEqual(['database_unreachable', `${path} cannot be used: it is not a regular file.`])
      expect(mode(path)).toBe(0o755)
    }
  })

  test.runIf(process.getuid?.() === 0)('of another user is refused', async () => {
    const path = folder.fresh('file')
    writeFileSync(path, '')
    chownSync(path, 65_534, 65_534)
    expect(await codeOf(() => makePrivate(path, 0o600))).toBe('permissions_unsafe')
  })
})

describe.skipIf(process.platform === 'win32')('work under a private umask', () => {
  test('creates files with 0600 in a folder that is created before, and returns its result', () => {
    umask(0)
    const path = join(folder.fresh('new'), 'file')
    expect(
      withPrivateUmask(path, () => {
        writeFileSync(path, '')
        return 'done'
      }),
    ).toBe('done')
    expect(mode(path)).toBe(0o600)
  })

  test('restores the umask, also when it fails', () => {
    umask(0o027)
    const path = folder.fresh('file')
    expect(() =>
      withPrivateUmask(path, () => {
        throw new Error('no')
      }),
    ).toThrow('no')
    expect(process.umask()).toBe(0o027)
  })
})
