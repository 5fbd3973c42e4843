// Where a person sits, told by the environment and a few files, and which browser reaches them there.
import { describe, expect, test } from 'vitest'
import { desktopFrom, detectDesktop, type Probe } from '../../../../src/system/person/desktop.ts'

const MICROSOFT = 'Linux version 5.15.167.4-microsoft-standard-WSL2'

function look(clues: Partial<Omit<Probe, 'read'>> & { files?: Record<string, string> }) {
  const { files = {}, ...rest } = clues
  return desktopFrom({ platform: 'linux', environment: {}, named: undefined, read: (path) => files[path], ...rest })
}

describe('the browser that reaches the person', () => {
  test.each([
    ['a Linux desktop', { environment: { DISPLAY: ':0' } }, 'system'],
    ['a Wayland desktop', { environment: { WAYLAND_DISPLAY: 'wayland-0' } }, 'system'],
    ['a Linux console', {}, 'none'],
    ['a Mac', { platform: 'darwin' }, 'system'],
    ['a Windows machine', { platform: 'win32' }, 'system'],
    ['Linux over SSH', { environment: { SSH_CONNECTION: '192.0.2.1 5 192.0.2.2 22' } }, 'none'],
    ['the screen of a machine one is on by SSH', { environment: { SSH_TTY: '/dev/pts/0', DISPLAY: ':0' } }, 'none'],
    ['the Wayland screen of such a one', { environment: { SSH_TTY: '/dev/pts/0', WAYLAND_DISPLAY: 'w' } }, 'none'],
    ['SSH with a forwarded display', { environment: { SSH_TTY: '/dev/pts/0', DISPLAY: 'localhost:10.0' } }, 'system'],
    ['a Mac over SSH', { platform: 'darwin', environment: { SSH_CLIENT: '192.0.2.1 5 22' } }, 'none'],
    ['Windows over SSH', { platform: 'win32', environment: { SSH_CONNECTION: 'x' } }, 'none'],
    ['WSL by its variable', { environment: { WSL_DISTRO_NAME: 'Debian' } }, 'windows'],
    ['WSL by its kernel', { files: { '/proc/version': MICROSOFT } }, 'windows'],
    ['WSL over SSH', { environment: { WSL_DISTRO_NAME: 'Debian', SSH_TTY: '/dev/pts/0' } }, 'none'],
    ['a container in WSL', { files: { '/proc/version': MICROSOFT, '/.dockerenv': '' } }, 'none'],
    ['a container with a display', { environment: { DISPLAY: ':0' }, files: { '/.dockerenv': '' } }, 'system'],
    ['SSH with BROWSER set', { environment: { SSH_TTY: '/dev/pts/0' }, named: '/opt/open-at-home' }, 'named'],
    ['a container with BROWSER set', { files: { '/.dockerenv': '' }, named: 'x' }, 'named'],
    ['WSL with BROWSER set', { environment: { WSL_DISTRO_NAME: 'Debian' }, named: 'x' }, 'named'],
  ] as const)('at %s is %#: %j → %s', (_where, clues, browser) => {
    expect(look(clues).browser).toBe(browser)
  })
})

describe('a container', () => {
  test.each([
    { files: { '/.dockerenv': '' } },
    { files: { '/run/.containerenv': 'engine="podman"' } },
    { files: { '/proc/1/cgroup': '12:cpu:/docker/0123abcd' } },
    { files: { '/proc/1/cgroup': '0::/kubepods/besteffort/pod1' } },
    { environment: { container: 'podman' } },
    { environment: { KUBERNETES_SERVICE_HOST: '10.0.0.1' } },
  ])('is recognized by %j', (clues) => {
    expect(look(clues).container).toBe(true)
  })

  test('is neither an ordinary machine nor a Mac', () => {
    expect(look({ files: { '/proc/1/cgroup': '0::/init.scope' } }).container).toBe(false)
    expect(look({ platform: 'darwin', files: { '/.dockerenv': '' } }).container).toBe(false)
  })
})

test('detection here finds this platform and uses what is named', () => {
  expect(detectDesktop({}, 'x')).toMatchObject({ platform: process.platform, browser: 'named', ssh: false })
})
