// What is remembered of sealing keys outside the database: private, one file for each database, and bounded.
import { mkdirSync, readdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { createKeyPin, keyPinFile } from '../../../../src/system/keychain/keyPin.ts'
import { tempFolder } from '../../../fakes/tempFolder.ts'
import { codeOf } from '../../../fakes/thrown.ts'

const folder = tempFolder()
const DATABASE = '/data/oauth.db'

describe('a pin', () => {
  test('is unknown first, and then lists the keys in the order in which they were used', () => {
    const pin = createKeyPin(folder.fresh('state'), DATABASE)
    expect(pin.known()).toBeUndefined()
    for (const print of ['one', 'two', 'one']) pin.add(print)
    expect(pin.known()).toEqual(['two', 'one'])
  })

  test('is of one database', () => {
    const state = folder.fresh('state')
    createKeyPin(state, DATABASE).add('one')
    expect(createKeyPin(state, '/data/other.db').known()).toBeUndefined()
  })

  test('keeps only the newest keys', () => {
    const pin = createKeyPin(folder.fresh('state'), DATABASE)
    for (let number = 0; number < 100; number++) pin.add(`print-${number}`)
    expect(pin.known()).toHaveLength(20)
    expect(pin.known()?.at(-1)).toBe('print-99')
  })

  test('leaves nothing else behind', () => {
    const state = folder.fresh('state')
    const pin = createKeyPin(state, DATABASE)
    pin.add('one')
    pin.add('two')
    expect(readdirSync(state)).toEqual([pin.path.slice(state.length + 1)])
  })

  test('that cannot be read is an error, and not the first use of a database', async () => {
    const state = folder.fresh('state')
    const pin = createKeyPin(state, DATABASE)
    mkdirSync(pin.path, { recursive: true, mode: 0o600 })
    expect(await codeOf(() => pin.known())).toBe('database_unreachable')
    expect(await codeOf(() => pin.add('one'))).toBe('database_unreachable')
    expect(readdirSync(state)).toHaveLength(1)
  })

  test.skipIf(process.platform === 'win32')('is private, and is not read through a link', async () => {
    const state = folder.fresh('state')
    const pin = createKeyPin(state, DATABASE)
    pin.add('one')
    expect(statSync(pin.path).mode & 0o777).toBe(0o600)
    const other = folder.fresh('state')
    mkdirSync(other)
    writeFileSync(join(other, 'theirs'), 'one\n')
    symlinkSync(join(other, 'theirs'), keyPinFile(other, DATABASE))
    expect(await codeOf(() => createKeyPin(other, DATABASE).known())).toBe('permissions_unsafe')
  })
})
