// A call of the keychain whose process cannot be started, or ends without an answer.
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { keychain } from '../../../../src/system/keychain/childProcess.ts'
import { errorOf } from '../../../fakes/thrown.ts'

test.each([
  ['is not there', '/nowhere/node', 'ENOENT'],
  ['is behind a file', join(fileURLToPath(import.meta.url), 'node'), 'ENOTDIR'],
  // The worker is a file of the built program, so that Node ends at once.
  ['finds no program to run', process.execPath, 'the call ended without a result'],
])('a Node that %s is keychain_unavailable', async (_, node, why) => {
  const real = process.execPath
  onTestFinished(() => {
    process.execPath = real
  })
  process.execPath = node
  const { code, message } = await errorOf(keychain.get('needle'))
  expect([code, message]).toEqual(['keychain_unavailable', expect.stringContaining(why)])
})
