// What is said of a server that cannot be reached.
import { expect, test } from 'vitest'
import { translate } from '../../../../src/system/http/errors.ts'

const said = (code: string) =>
  translate(Object.assign(new Error('x'), { code }), new URL('https://mcp.example.com/mcp'), false)

test.each([
  ['ENOTFOUND', 'its name is not known, or there is no network'],
  ['ECONNREFUSED', 'no program listens at that port'],
  ['EMFILE', 'this process may open no more files, see ulimit -n'],
])('%s is followed by what it means', (code, words) => {
  const error = said(code)
  expect(error.message).toBe(`https://mcp.example.com cannot be reached: ${code} (${words}).`)
  expect(error.details.reason).toBe(code)
})

test.each(['EWEIRD', 'constructor', '__proto__'])('the unknown code %s stands alone', (code) => {
  expect(said(code).message).toBe(`https://mcp.example.com cannot be reached: ${code}.`)
})

test.each([
  ['EHOSTUNREACH', 'darwin', true],
  ['EHOSTUNREACH', 'linux', false],
  ['ECONNREFUSED', 'darwin', false],
] as const)(
  '%s on %s: whether the hint is about the permission for the local network: %s',
  (code, platform, isAbout) => {
    const thrown = Object.assign(new Error('x'), { code })
    const { hint } = translate(thrown, new URL('http://192.168.1.5:8123/mcp'), false, platform)
    expect(hint.includes('Local Network')).toBe(isAbout)
  },
)
