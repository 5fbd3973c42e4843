// One 0600 file a secret.
import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { createEnvKey, createKeyFile } from '../../../../src/system/keychain/keyFile.ts'
import { tempFolder } from '../../../fakes/tempFolder.ts'
import { codeOf } from '../../../fakes/thrown.ts'

const folder = tempFolder()
const mode = (path: string) => statSync(path).mode & 0o777

describe('a key file', () => {
  test('is private, and so is its folder, whatever the umask', async () => {
    const before = process.umask(0)
    onTestFinished(() => void process.umask(before))
    const home = folder.fresh('home')
    await createKeyFile(home).set('key-1', 'secret')
    expect([mode(home), mode(join(home, 'key-1.key'))]).toEqual([0o700, 0o600])
  })

  test('leaves no temporary file behind', async () => {
    const home = folder.fresh('home')
    await createKeyFile(home).set('key-1', 'secret')
    await createKeyFile(home).set('key-1', 'secret-2')
    expect(readdirSync(home)).toEqual(['key-1.key'])
    expect(readFileSync(join(home, 'key-1.key'), 'utf8')).toBe('secret-2\n')
  })

  test('that everybody could read is made private when it is read', async () => {
    const home = folder.fresh('home')
    const keys = createKeyFile(home)
    await keys.set('key-1', 'secret')
    chmodSync(join(home, 'key-1.key'), 0o644)
    expect(await keys.get('key-1')).toBe('secret')
    expect(mode(join(home, 'key-1.key'))).toBe(0o600)
  })

  test('that is a link is refused', async () => {
    const home = folder.fresh('home')
    mkdirSync(home)
    writeFileSync(folder.fresh('elsewhere'), 'secret')
    symlinkSync(folder.fresh('elsewhere'), join(home, 'key-1.key'))
    expect(await codeOf(createKeyFile(home).get('key-1'))).toBe('permissions_unsafe')
  })

  test('does not follow a link when it is written', async () => {
    const home = folder.fresh('home')
    const target = folder.fresh('target')
    mkdirSync(home)
    writeFileSync(target, 'mine')
    symlinkSync(target, join(home, 'key-1.key'))
    await createKeyFile(home).set('key-1', 'secret')
    expect(readFileSync(target, 'utf8')).toBe('mine')
    expect(await createKeyFile(home).get('key-1')).toBe('secret')
  })

  test('in a folder that is a link is refused', async () => {
    const real = folder.fresh('real')
    const link = folder.fresh('link')
    mkdirSync(real)
    symlinkSync(real, link)
    expect(await codeOf(createKeyFile(link).set('key-1', 'secret'))).toBe('permissions_unsafe')
    expect(readdirSync(real)).toEqual([])
  })

  test('may end with a line break of an editor', async () => {
    const home = folder.fresh('home')
    mkdirSync(home)
    writeFileSync(join(home, 'key-1.key'), ' secret \r\n\n', { mode: 0o600 })
    expect(await createKeyFile(home).get('key-1')).toBe('secret')
  })

  test('can be written again after a process died in the middle', async () => {
    const home = folder.fresh('home')
    mkdirSync(home)
    writeFileSync(join(home, `key-1.key.${process.pid}`), 'half')
    await createKeyFile(home).set('key-1', 'secret')
    expect(await createKeyFile(home).get('key-1')).toBe('secret')
  })
})

describe('the key of the environment', () => {
  test('is the value, whatever the name', async () => {
    expect(await createEnvKey('secret').get('any')).toBe('secret')
    expect(await createEnvKey(undefined).get('any')).toBeUndefined()
  })

  test('cannot be written', async () => {
    expect(await codeOf(createEnvKey('secret').set('any', 'x'))).toBe('key_missing')
  })
})
