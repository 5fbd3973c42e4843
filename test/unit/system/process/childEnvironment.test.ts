// What a foreign program learns from our environment.
import { expect, test } from 'vitest'
import { childEnvironment } from '../../../../src/system/process/childEnvironment.ts'

test.each([
  'MCP_OAUTH_BRIDGE_KEY',
  'MCP_OAUTH_BRIDGE_HOME',
  'GOOGLE_CLIENT_SECRET',
  'GITHUB_TOKEN',
  'npm_config__authToken',
  'db_password',
  'PGPASSWORD',
  'SSH_PASSPHRASE',
  'AWS_SECRET_ACCESS_KEY',
  'OPENAI_API_KEY',
  'OPENAI_APIKEY',
  'TEAM_KEY',
  'key',
  'DB_PASS',
  'DB_PWD',
  'SENTRY_DSN',
  'GOOGLE_APPLICATION_CREDENTIALS',
  'PROXY_AUTHORIZATION',
  'COOKIE',
])('%s is left out', (name) => {
  expect(childEnvironment({ [name]: 'x' })).toEqual({})
})

test.each([
  'PATH',
  'HOME',
  'PWD',
  'OLDPWD',
  'DISPLAY',
  'WAYLAND_DISPLAY',
  'XAUTHORITY',
  'XDG_RUNTIME_DIR',
  'DBUS_SESSION_BUS_ADDRESS',
  'WSL_INTEROP',
  'VSCODE_IPC_HOOK_CLI',
  'LANG',
  'SystemRoot',
  'KEYBOARD_LAYOUT',
  'XKB_DEFAULT_OPTIONS',
])('%s, which a browser needs, is kept', (name) => {
  expect(childEnvironment({ [name]: 'x' })).toEqual({ [name]: 'x' })
})
