// A checked config that is remembered: when it is believed, and what is never in it.
import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { type CacheKey, cachedConfig as cachedOf } from '../../../../src/config/file/cache.ts'
import { readOwnFile } from '../../../../src/config/file/ownFile.ts'
import { parseAndRemember } from '../../../../src/config/file/read.ts'
import { tempFolder } from '../../../fakes/tempFolder.ts'

const temp = tempFolder()

/** As a start does it: the file itself is looked at each time. */
const cachedConfig = (key: CacheKey, environment: NodeJS.ProcessEnv) =>
  cachedOf(key, readOwnFile(key.path), environment)
const readAndRemember = (key: CacheKey, environment: NodeJS.ProcessEnv) =>
  parseAndRemember(key, readOwnFile(key.path), environment)

function given(yaml: string, environment: NodeJS.ProcessEnv = {}) {
  const path = temp.fresh('config.yaml')
  writeFileSync(path, yaml)
  const key: CacheKey = { path, version: '1.0.0', folder: temp.fresh('data') }
  const read = readAndRemember(key, environment)
  return { key, path, read, files: () => readdirSync(key.folder).map((name) => join(key.folder, name)) }
}

const PLAIN = 'mcp_server_url: https://mcp.example.com/mcp\nsession_timeout: 600\n'

describe('a checked config', () => {
  test('is stored unchanged, in a file that only we can read', () => {
    const { key, read, files } = given(PLAIN)
    expect(cachedConfig(key, {})).toEqual(read)
    expect(files()).toHaveLength(1)
    if (process.platform !== 'win32') expect(statSync(files()[0] ?? '').mode & 0o777).toBe(0o600)
    expect(statSync(key.folder).mode & 0o777).toBe(0o700)
  })

  test('is forgotten when the file changes, also where size and time stay', () => {
    const { key, path } = given(PLAIN)
    const { mtime } = statSync(path)
    writeFileSync(path, PLAIN.replace('600', '900'))
    utimesSync(path, mtime, mtime)
    expect(cachedConfig(key, {})).toBeUndefined()
  })

  test('is forgotten when another program version asks, or the file is gone', () => {
    const { key, path } = given(PLAIN)
    expect(cachedConfig({ ...key, version: '1.0.1' }, {})).toBeUndefined()
    renameSync(path, `${path}.gone`)
    expect(() => cachedConfig(key, {})).toThrow('cannot be read')
  })

  test('of one file is not used for another', () => {
    const { key } = given(PLAIN)
    writeFileSync(`${key.path}2`, PLAIN)
    expect(cachedConfig({ ...key, path: `${key.path}2` }, {})).toBeUndefined()
  })

  test.runIf(process.platform !== 'win32')('is not used if others could have written it', () => {
    const { key, files } = given(PLAIN)
    const [file = ''] = files()
    chmodSync(file, 0o666)
    expect(cachedConfig(key, {})).toBeUndefined()
    chmodSync(file, 0o600)
    expect(cachedConfig(key, {})).toBeDefined()
    renameSync(file, `${file}.moved`)
    symlinkSync(`${file}.moved`, file)
    expect(cachedConfig(key, {})).toBeUndefined()
  })

  test('that is broken is read again', () => {
    const { key, files } = given(PLAIN)
    writeFileSync(files()[0] ?? '', '{"stamp":')
    expect(cachedConfig(key, {})).toBeUndefined()
  })

  test('that cannot be stored is still read', () => {
    const path = temp.fresh('config.yaml')
    writeFileSync(path, PLAIN)
    writeFileSync(`${path}.file`, '')
    const key = { path, version: '1', folder: join(`${path}.file`, 'data') }
    expect(readAndRemember(key, {}).session_timeout).toBe(600)
  })
})

describe('a secret', () => {
  const YAML = `providers: { g: { client_secret: "\${SECRET}", client_id: "a-\${ID}" } }\n`

  test('from the environment is filled in at each start and never written', () => {
    const { key, files, read } = given(YAML, { SECRET: 'canary-1', ID: 'x' })
    expect(read.providers?.g?.client_secret).toBe('canary-1')
    expect(readFileSync(files()[0] ?? '', 'utf8')).not.toContain('canary-1')
    expect(cachedConfig(key, { SECRET: 'canary-2', ID: 'y' })?.providers?.g).toEqual({
      client_secret: 'canary-2',
      client_id: 'a-y',
    })
  })

  test.each([[{ SECRET: '', ID: '' }], [{ SECRET: 'a\r\nb', ID: 'x' }], [{ SECRET: 'ü', ID: 'x' }]])(
    'from an environment that may not fit (%j) is reported with the file and its line',
    (environment) => {
      const { key } = given(YAML, { SECRET: 's', ID: 'x' })
      expect(cachedConfig(key, environment)).toBeUndefined()
    },
  )

  test('that is not set sets its entry aside, from the cache as from the file', () => {
    const { key, read } = given(YAML, {})
    const unset = { servers: {}, providers: { g: { variable: 'SECRET' } } }
    expect(read).toEqual({ providers: {}, unset })
    expect(cachedConfig(key, {})).toEqual(read)
    expect(cachedConfig(key, { SECRET: 's', ID: 'x' })?.providers?.g?.client_secret).toBe('s')
  })

  test.each([
    'providers: { g: { client_secret: canary } }',
    'mcp_server_url: https://mcp.example.com/?api_key=canary',
    'servers: { a: { url: https://mcp.example.com/, headers: { X-Api-Key: canary } } }',
  ])('in plain text prevents caching: %s', (yaml) => {
    const { key } = given(yaml)
    mkdirSync(key.folder, { recursive: true })
    expect(readdirSync(key.folder)).toEqual([])
  })
})

test.each([`mcp_server_url: "\${X}"`, `log_level: "\${X}"`, `callback_url: ["\${X}"]`])(
  'a variable whose value the schema must check (%s) prevents caching',
  (yaml) => {
    const X = yaml.startsWith('log') ? 'debug' : 'http://localhost:8080/cb'
    const { key } = given(yaml, { X })
    expect(cachedConfig(key, { X })).toBeUndefined()
  },
)
