// A user without an entry in the system's user database, as containers have them: HOME is enough, and so is MCP_OAUTH_BRIDGE_HOME.
import { chownSync, existsSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { makeHome } from '../servers/home.ts'
import { PROGRAM } from '../servers/host.ts'

const NOBODY = 54_321
const URL = 'https://mcp.example.com/mcp'
const canBeOthers = process.platform === 'linux' && process.getuid?.() === 0

let home: ReturnType<typeof makeHome>
beforeEach(() => {
  home = makeHome()
  chownSync(home.path, NOBODY, NOBODY)
})
afterEach(() => home.remove())

const as = (words: string[], environment: NodeJS.ProcessEnv) =>
  home.command(words, environment, PROGRAM, { uid: NOBODY, gid: NOBODY })

describe.runIf(canBeOthers)('a user whom the system does not know', () => {
  test.each([
    'status',
    'doctor',
    'support-bundle --yes',
    `install cursor ${URL}`,
    `install --print ${URL}`,
    'import mcp-remote',
    'reset --yes',
  ])('needs only HOME for %s', async (words) => {
    const { code, stderr } = await as(words.split(' '), { MCP_OAUTH_BRIDGE_HOME: undefined })
    expect([code, stderr]).toEqual([0, expect.not.stringContaining('error:')])
  })

  test.each(['status', 'doctor', 'support-bundle --yes'])('needs only MCP_OAUTH_BRIDGE_HOME for %s', async (words) => {
    const { code, stderr } = await as(words.split(' '), { HOME: undefined })
    expect([code, stderr]).toEqual([0, expect.not.stringContaining('error:')])
  })

  test('needs only MCP_OAUTH_BRIDGE_HOME for reset, also with a private copy of the program', async () => {
    expect((await as(['install', 'cursor', URL, '--pin'], {})).code).toBe(0)
    const { code, stderr } = await as(['reset', '--yes'], { HOME: undefined })
    expect([code, stderr]).toEqual([0, expect.stringContaining('bridge/program')])
    expect(existsSync(join(home.path, 'bridge/program'))).toBe(false)
  })

  test.each([
    ['status', { MCP_OAUTH_BRIDGE_HOME: undefined, HOME: undefined }],
    ['status', { MCP_OAUTH_BRIDGE_HOME: undefined, HOME: '.' }],
    [`install cursor ${URL}`, { HOME: undefined }],
    [`install --print ${URL}`, { HOME: undefined }],
    ['import mcp-remote', { HOME: undefined }],
  ])('is told by %s which variable to set, given %j', async (words, environment) => {
    const { code, stderr } = await as(words.split(' '), environment)
    expect(code).toBe(2)
    expect(stderr).toContain('The home folder is not known')
    expect(stderr.replace(/\s+/g, ' ')).toContain('Set HOME to an absolute path.')
    expect(stderr).toContain('MCP_OAUTH_BRIDGE_HOME')
  })
})
