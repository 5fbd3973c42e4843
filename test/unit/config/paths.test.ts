// Where files live, on each system.
import { homedir } from 'node:os'
import { join, win32 } from 'node:path'
import { describe, expect, test } from 'vitest'
import { databasePath, defaultPaths } from '../../../src/config/paths.ts'

const NAME = 'mcp-oauth-bridge'
const inHome = (...parts: string[]) => join(homedir(), ...parts)

describe('files', () => {
  test('on Linux are where XDG says', () => {
    expect(defaultPaths({}, 'linux')).toEqual({
      config: inHome('.config', NAME),
      data: inHome('.local', 'share', NAME),
      state: inHome('.local', 'state', NAME),
    })
    const environment = { XDG_CONFIG_HOME: '/c', XDG_DATA_HOME: '/d', XDG_STATE_HOME: '/s' }
    expect(defaultPaths(environment, 'linux')).toEqual({
      config: join('/c', NAME),
      data: join('/d', NAME),
      state: join('/s', NAME),
    })
  })

  test('on Linux ignore an empty XDG variable', () => {
    expect(defaultPaths({ XDG_DATA_HOME: '' }, 'linux').data).toBe(inHome('.local', 'share', NAME))
  })

  test('on macOS are in Application Support', () => {
    const support = inHome('Library', 'Application Support', NAME)
    expect(defaultPaths({ XDG_DATA_HOME: '/d' }, 'darwin')).toEqual({ config: support, data: support, state: support })
  })

  test.each([
    ['as set', { APPDATA: 'C:\\R', LOCALAPPDATA: 'C:\\L' }],
    ['empty', { APPDATA: '', LOCALAPPDATA: '' }],
    ['unset', {}],
  ])(
    'on Windows are in the profile and not in AppData, of which hosts from a package have a copy: %s',
    (_, environment) => {
      const profile = win32.join(homedir(), `.${NAME}`)
      const paths = defaultPaths(environment, 'win32')
      expect(paths).toEqual({ config: profile, data: profile, state: profile })
    },
  )

  test.each(['linux', 'darwin', 'win32'] as const)(
    'on %s are all in MCP_OAUTH_BRIDGE_HOME if that is set',
    (platform) => {
      expect(defaultPaths({ MCP_OAUTH_BRIDGE_HOME: '/h', XDG_DATA_HOME: '/d' }, platform)).toEqual({
        config: '/h',
        data: '/h',
        state: '/h',
      })
    },
  )

  test('are never below the working folder: a relative variable is ignored, and a relative MCP_OAUTH_BRIDGE_HOME is an error', () => {
    const XDG = { XDG_CONFIG_HOME: '.', XDG_DATA_HOME: 'd', XDG_STATE_HOME: './s' }
    expect(defaultPaths(XDG, 'linux')).toEqual(defaultPaths({}, 'linux'))
    expect(defaultPaths({ APPDATA: 'R', LOCALAPPDATA: 'L' }, 'win32')).toEqual(defaultPaths({}, 'win32'))
    for (const folder of ['.', 'x', './x', '../x', '~/x'])
      expect(() => defaultPaths({ MCP_OAUTH_BRIDGE_HOME: folder })).toThrow('is not an absolute path')
  })
})

describe('the database', () => {
  const data = 'C:\\Users\\Jörg Müller\\.mcp-oauth-bridge'
  test.each([
    [undefined, `${data}\\oauth.db`],
    ['sqlite:sub/my.db', `${data}\\sub\\my.db`],
    ['sqlite:D:\\x.db', 'D:\\x.db'],
    ['sqlite:///D:/a b/x.db', 'D:\\a b\\x.db'],
    ['sqlite://D:/x.db', 'D:\\x.db'],
    ['sqlite:/d:/x.db', 'd:\\x.db'],
    ['sqlite:\\\\server\\share\\x.db', '\\\\server\\share\\x.db'],
    ['sqlite:////server/share/x.db', '\\\\server\\share\\x.db'],
    ['sqlite:/x.db', 'C:\\x.db'],
  ])('on Windows %s is %s', (url, file) => {
    expect(databasePath(url, { data }, 'win32')).toBe(file)
  })

  test.each([
    [undefined, '/d/oauth.db'],
    ['sqlite:sub/my.db', '/d/sub/my.db'],
    ['sqlite:/x.db', '/x.db'],
    ['sqlite:///x.db', '/x.db'],
  ])('on Linux %s is %s', (url, file) => {
    expect(databasePath(url, { data: '/d' }, 'linux')).toBe(file)
  })
})
