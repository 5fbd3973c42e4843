// The words for what the system answers.
import { expect, test } from 'vitest'
import { mayBeInUse, whyRefused } from '../../../src/disk/whyRefused.ts'

const failure = (code: string) => Object.assign(new Error(`${code}: /x`), { code })

test.each([
  ['EBUSY', 'another program has it open (EBUSY)'],
  ['ENOSPC', 'the disk is full (ENOSPC)'],
  ['EXDEV', 'EXDEV'],
])('%s is told as %j', (code, words) => {
  expect(whyRefused(failure(code))).toBe(words)
})

test('what the system did not say has no code', () => {
  expect(whyRefused(new TypeError('x'))).toBe('the reason is not known')
})

test('three answers may mean that a program has the file open, and a full disk is none of them', () => {
  const codes = ['EPERM', 'EBUSY', 'EACCES', 'ENOSPC', 'ENOENT']
  expect(codes.filter((code) => mayBeInUse(failure(code)))).toEqual(['EPERM', 'EBUSY', 'EACCES'])
})
