// Where files live, on each system.
import { homedir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { defaultPaths } from '../../../src/config/paths.ts'

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

  test('on Windows roam only with the config', () => {
    const paths = defaultPaths({ APPDATA: 'C:\\R', LOCALAPPDATA: 'C:\\L' }, 'win32')
    expect(paths).toEqual({ config: join('C:\\R', NAME), data: join('C:\\L', NAME), state: join('C:\\L', NAME) })
    expect(defaultPaths({}, 'win32').data).toBe(inHome('AppData', 'Local', NAME))
  })

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
