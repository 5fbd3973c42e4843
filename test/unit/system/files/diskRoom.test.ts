// Which disks have no room for a change of the database.
import { tmpdir } from 'node:os'
import { expect, test } from 'vitest'
import { whyNoRoom } from '../../../../src/system/files/diskRoom.ts'

const KB = { bsize: 1024, blocks: 5_000_000 }

test.each([
  ['a full disk', { ...KB, bfree: 0, bavail: 0 }, false, true],
  ['a disk with 63 KB', { ...KB, bfree: 63, bavail: 63 }, false, true],
  ['a disk with 64 KB', { ...KB, bfree: 64, bavail: 64 }, false, false],
  ['a disk with room for root only', { ...KB, bfree: 500, bavail: 0 }, false, true],
  ['a disk with room for root only, as root', { ...KB, bfree: 500, bavail: 0 }, true, false],
  ['a drive without numbers', { bsize: 4096, blocks: 0, bfree: 0, bavail: 0 }, false, false],
])('%s', (_, room, isRoot, isFull) => {
  const found = whyNoRoom('/data', { isRoot, roomOf: () => room })
  expect(found?.code).toBe(isFull ? 'database_unreachable' : undefined)
  if (isFull) expect(found?.message).toContain('/data is full')
})

test('a folder that cannot be asked says nothing, and this machine has room', () => {
  const roomOf = () => {
    throw new Error('EACCES')
  }
  expect(whyNoRoom('/data', { isRoot: false, roomOf })).toBeUndefined()
  expect(whyNoRoom(tmpdir())).toBeUndefined()
})
