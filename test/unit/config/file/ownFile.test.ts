// Whose config file is believed: owners, modes, links and folders as they are on the disk.
import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  lchownSync,
  linkSync,
  mkdirSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { readOwnFile } from '../../../../src/config/file/ownFile.ts'
import type { BridgeError } from '../../../../src/errors.ts'
import { tempFolder } from '../../../fakes/tempFolder.ts'

const temp = tempFolder()
const isRoot = process.getuid?.() === 0
const SOMEBODY = 12_345

function given(mode = 0o644, folderMode = 0o700) {
  const folder = temp.fresh('folder')
  mkdirSync(folder)
  const path = join(folder, 'config.yaml')
  writeFileSync(path, 'log_level: warn\n')
  chmodSync(path, mode)
  chmodSync(folder, folderMode)
  return { folder, path }
}

function refusal(path: string): BridgeError {
  try {
    readOwnFile(path)
  } catch (thrown) {
    return thrown as BridgeError
  }
  throw new Error('it was read')
}

describe.skipIf(process.platform === 'win32')('a config file', () => {
  test.each([0o400, 0o600, 0o640, 0o644, 0o755])('of ours with mode %o is read', (mode) => {
    expect(readOwnFile(given(mode).path).text).toBe('log_level: warn\n')
  })

  test('is read as the shells of Windows write it, and another encoding is refused in words', () => {
    const { path } = given()
    const text = 'mcp_server_url: https://mcp.example/Jörg\n'
    const marked = `\ufeff${text}`
    for (const bytes of [
      Buffer.from(marked),
      Buffer.from(marked, 'utf16le'),
      Buffer.from(marked, 'utf16le').swap16(),
    ]) {
      writeFileSync(path, bytes)
      expect(readOwnFile(path).text).toBe(text)
    }
    for (const bytes of [Buffer.from(text, 'utf16le'), Buffer.from(text, 'latin1')]) {
      writeFileSync(path, bytes)
      expect(refusal(path).code).toBe('config_invalid')
      expect(refusal(path).message).toContain('is not text in UTF-8, or in UTF-16 with a byte order mark')
    }
  })

  test.each([0o602, 0o606, 0o620, 0o660, 0o664, 0o666, 0o777])(
    'that others can write (%o) is refused, with owner, mode and what to do',
    (mode) => {
      const { path } = given(mode)
      const { code, message, hint } = refusal(path)
      expect(code).toBe('config_untrusted')
      expect(message).toContain(`uid ${process.getuid?.()}, mode 0${mode.toString(8)}`)
      expect(hint).toContain(`chmod go-w ${path}`)
    },
  )

  test.each([0o700, 0o755, 0o775, 0o1777])('in a folder of ours with mode %o is read', (mode) => {
    expect(readOwnFile(given(0o600, mode).path).text).not.toBe('')
  })

  test.each([0o777, 0o703])('in a folder in which everybody may rename it (%o) is refused, also further up', (mode) => {
    expect(refusal(given(0o600, mode).path).code).toBe('config_untrusted')
    const { folder } = given(0o600, mode)
    mkdirSync(join(folder, 'own'), { mode: 0o700 })
    writeFileSync(join(folder, 'own/config.yaml'), '')
    expect(refusal(join(folder, 'own/config.yaml')).message).toContain(folder)
  })

  test('that is not a regular file is refused at once', () => {
    const { folder } = given()
    const pipe = join(folder, 'pipe')
    execFileSync('mkfifo', [pipe])
    for (const path of [pipe, folder, '/dev/zero', '/dev/null'])
      expect(refusal(path).code, path).toMatch(/config_untrusted|config_not_found/)
    expect(refusal(pipe).message).toContain('not a regular file')
  })

  test('that is enormous is not read', () => {
    const { path } = given()
    truncateSync(path, 8 * 1024 ** 3)
    expect(refusal(path)).toMatchObject({ code: 'config_invalid' })
  })

  test('is read through our own links, also those of folders', () => {
    const { folder, path } = given()
    symlinkSync(path, join(folder, 'link'))
    symlinkSync('link', join(folder, 'second'))
    symlinkSync(folder, join(folder, 'here'))
    expect(readOwnFile(join(folder, 'second')).text).toBe('log_level: warn\n')
    expect(readOwnFile(join(folder, 'here/here/second')).text).toBe('log_level: warn\n')
  })

  test('that is missing, or a link in a circle, is not found', () => {
    const { folder } = given()
    symlinkSync('circle', join(folder, 'circle'))
    for (const name of ['nothing', 'circle', 'nothing/config.yaml'])
      expect(refusal(join(folder, name)).code).toBe('config_not_found')
  })

  describe.runIf(isRoot)('if there are other users', () => {
    test('of another user is refused, with the owner', () => {
      const { path } = given(0o600)
      chownSync(path, SOMEBODY, SOMEBODY)
      expect(refusal(path)).toMatchObject({ code: 'config_untrusted' })
      expect(refusal(path).message).toContain(`belongs to uid ${SOMEBODY}, mode 0600`)
    })

    test('in a folder of another user is refused', () => {
      const { folder, path } = given()
      chownSync(folder, SOMEBODY, SOMEBODY)
      expect(refusal(path).message).toContain(folder)
    })

    test('that a link of another user leads to is refused, wherever on the path the link is', () => {
      const { folder, path } = given()
      symlinkSync(path, join(folder, 'link'))
      lchownSync(join(folder, 'link'), SOMEBODY, SOMEBODY)
      symlinkSync('link', join(folder, 'second'))
      symlinkSync(folder, join(folder, 'there'))
      lchownSync(join(folder, 'there'), SOMEBODY, SOMEBODY)
      for (const name of ['link', 'second', 'there/config.yaml'])
        expect(refusal(join(folder, name)).message, name).toContain(`of uid ${SOMEBODY}`)
    })

    test('with a second name that another user created is judged by its own owner', () => {
      const { folder, path } = given()
      linkSync(path, join(folder, 'hard'))
      expect(readOwnFile(join(folder, 'hard')).text).not.toBe('')
      chownSync(path, SOMEBODY, SOMEBODY)
      expect(refusal(join(folder, 'hard')).code).toBe('config_untrusted')
    })
  })
})
