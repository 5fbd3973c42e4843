// Which folder counts as the home, and what is said where there is none.
import { homedir } from 'node:os'
import { resolve } from 'node:path'
import { expect, test } from 'vitest'
import { homeFolder, knownHome } from '../../../src/disk/homeFolder.ts'
import { errorOf } from '../../fakes/thrown.ts'

const ANN = resolve('/home/ann')
const BOB = resolve('/home/bob')
const unknown = () => {
  throw new Error('uv_os_get_passwd returned ENOENT')
}

test('the first absolute folder is the home, whether or not the other sources know one', () => {
  expect(knownHome()).toBe(homedir())
  expect(knownHome([() => ANN, unknown])).toBe(ANN)
  expect(knownHome([unknown, () => ANN])).toBe(ANN)
  expect(knownHome([() => ANN, () => BOB])).toBe(ANN)
})

test.each(['', '.', 'ann'])('%j is no home: it would be below the working folder', (relative) => {
  expect(knownHome([() => relative, () => ANN])).toBe(ANN)
  expect(knownHome([() => relative, unknown])).toBeUndefined()
})

test('where there is none, what needs one says which variables to set', async () => {
  expect(await errorOf(() => homeFolder([unknown, unknown]))).toMatchObject({
    code: 'usage',
    message: expect.stringContaining('The home folder is not known'),
    hint: expect.stringMatching(/^Set (HOME|USERPROFILE) .*MCP_OAUTH_BRIDGE_HOME/),
  })
})
