// One process at a time changes a file, whoever else wants to, and whatever was left.
import { existsSync, mkdirSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { whileLocked } from '../../../src/disk/whileLocked.ts'
import { tempFolder } from '../../fakes/tempFolder.ts'

const temp = tempFolder()

function place() {
  const folder = temp.fresh('lock')
  mkdirSync(folder)
  return { folder, path: join(folder, 'mcp.json'), lock: join(folder, 'mcp.json.mcp-oauth-bridge-lock') }
}

test('the lock is there during the work only, also where that fails', () => {
  const { folder, path, lock } = place()
  expect(whileLocked(path, () => existsSync(lock))).toBe(true)
  const failing = () => {
    throw new Error('it fails')
  }
  expect(() => whileLocked(path, failing)).toThrow('it fails')
  expect(readdirSync(folder)).toEqual([])
})

test('a fresh lock of another process is waited for, and removed by nobody else', () => {
  const { path, lock } = place()
  writeFileSync(lock, '')
  const waits: number[] = []
  // The other one is done after the third look.
  const wait = (ms: number) => {
    expect(existsSync(lock)).toBe(true)
    if (waits.push(ms) === 3) rmSync(lock)
  }
  expect(whileLocked(path, () => waits.length, { wait })).toBe(3)
})

test('a lock that was left is taken over', () => {
  const { folder, path, lock } = place()
  writeFileSync(lock, '')
  utimesSync(lock, 1, 1)
  expect(whileLocked(path, () => 'done', { wait: () => {} })).toBe('done')
  expect(readdirSync(folder)).toEqual([])
})

test('where no lock can be made, the reason is told at once', () => {
  const { folder } = place()
  expect(() => whileLocked(join(folder, 'none', 'mcp.json'), () => 'done')).toThrow('ENOENT')
})
