// One process at a time changes a file, whoever else wants to, and whatever was left.
import {
  existsSync,
  lutimesSync,
  mkdirSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { LockStays, whileLocked } from '../../../src/disk/whileLocked.ts'
import { tempFolder } from '../../fakes/tempFolder.ts'

const temp = tempFolder()
const atOnce = async () => {}

function place() {
  const folder = temp.fresh('lock')
  mkdirSync(folder)
  return { folder, path: join(folder, 'mcp.json'), lock: join(folder, 'mcp.json.mcp-oauth-bridge-lock') }
}

test('the lock is there during the work only, also where that fails', async () => {
  const { folder, path, lock } = place()
  await expect(whileLocked(path, () => existsSync(lock))).resolves.toBe(true)
  const failing = () => {
    throw new Error('it fails')
  }
  await expect(whileLocked(path, failing)).rejects.toThrow('it fails')
  expect(readdirSync(folder)).toEqual([])
})

test('a fresh lock of another process is waited for, and removed by nobody else', async () => {
  const { path, lock } = place()
  writeFileSync(lock, '')
  const waits: number[] = []
  // The other one is done after the third look.
  const wait = async (ms: number) => {
    expect(existsSync(lock)).toBe(true)
    if (waits.push(ms) === 3) rmSync(lock)
  }
  await expect(whileLocked(path, () => waits.length, { wait })).resolves.toBe(3)
})

test('a lock that was left is taken over', async () => {
  const { folder, path, lock } = place()
  writeFileSync(lock, '')
  utimesSync(lock, 1, 1)
  await expect(whileLocked(path, () => 'done', { wait: atOnce })).resolves.toBe('done')
  expect(readdirSync(folder)).toEqual([])
})

test('where no lock can be made, the reason is told at once', async () => {
  const { folder } = place()
  await expect(whileLocked(join(folder, 'none', 'mcp.json'), () => 'done')).rejects.toThrow('ENOENT')
})

test.runIf(process.platform !== 'win32')('a link to nowhere that was left is taken over', async () => {
  const { folder, path, lock } = place()
  symlinkSync('nowhere', lock)
  lutimesSync(lock, 1, 1)
  await expect(whileLocked(path, () => 'done', { wait: atOnce })).resolves.toBe('done')
  expect(readdirSync(folder)).toEqual([])
})

test('what can be neither made nor removed is given up, and named', async () => {
  const { path, lock } = place()
  mkdirSync(lock)
  utimesSync(lock, 1, 1)
  const work = whileLocked(path, () => 'done', { wait: atOnce })
  await expect(work).rejects.toBeInstanceOf(LockStays)
  await expect(work).rejects.toMatchObject({ lock })
})

test('one that others renew all the time is given up after half a minute, when each of its makers has had its time', async () => {
  const { path, lock } = place()
  writeFileSync(lock, '')
  let waited = 0
  const wait = async (ms: number) => {
    waited += ms
  }
  await expect(whileLocked(path, () => 'done', { wait, now: () => statSync(lock).mtimeMs })).rejects.toMatchObject({
    lock,
  })
  expect(waited).toBe(30_000)
  expect(existsSync(lock)).toBe(true)
})
