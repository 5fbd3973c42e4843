// What may stand in a log, and what never.
import { chmodSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { PassThrough } from 'node:stream'
import { describe, expect, onTestFinished, test } from 'vitest'
import { quote, withoutSecrets } from '../../../../src/redaction/text.ts'
import { createLog, type LogOptions } from '../../../../src/system/log/log.ts'
import { tempFolder } from '../../../fakes/tempFolder.ts'

const folder = tempFolder()
const JWT = 'eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhZGEifQ.c2lnbmF0dXJl'

function setUp(options: Partial<LogOptions> & { isTTY?: boolean } = {}) {
  const { isTTY = false, ...rest } = options
  const stderr = Object.assign(new PassThrough(), { isTTY })
  const log = createLog({ stderr, level: 'debug', namespaces: [], file: undefined, fileLevel: 'debug', ...rest })
  const written = () => String(stderr.read() ?? '')
  return { log, written }
}

describe('an entry', () => {
  test('is one JSON line with time, level, event and fields', () => {
    const { log, written } = setUp()
    log.warn('oauth:refresh', { outcome: 'failed', status: 503, again: true, reason: undefined })
    const text = written()
    expect(text.endsWith('\n')).toBe(true)
    expect(JSON.parse(text)).toEqual({
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
      level: 'warn',
      event: 'oauth:refresh',
      outcome: 'failed',
      status: 503,
      again: true,
    })
  })

  test('is one line also when its text has several', () => {
    const { log, written } = setUp()
    log.error('x:y', { message: 'a\nb' })
    expect(written().match(/\n/g)).toHaveLength(1)
  })

  test('for people at a terminal starts with the time of day', () => {
    const { log, written } = setUp({ isTTY: true })
    log.info('oauth:refresh', { message: 'It works.', status: 200 })
    expect(written()).toMatch(/^\d\d:\d\d:\d\d info oauth:refresh It works\. status=200\n$/)
  })

  test.each([
    ['debug', ['debug', 'info', 'warn', 'error']],
    ['info', ['info', 'warn', 'error']],
    ['warn', ['warn', 'error']],
    ['error', ['error']],
  ] as const)('of level %s or more is written', (level, expected) => {
    const { log, written } = setUp({ level })
    for (const at of ['debug', 'info', 'warn', 'error'] as const) log[at](`x:${at}`)
    expect([...written().matchAll(/"level":"(\w+)"/g)].map(([, name]) => name)).toEqual(expected)
  })

  test.each([
    [['oauth:*'], ['oauth:pkce', 'oauth:refresh']],
    [['oauth:pkce'], ['oauth:pkce']],
    [['*'], ['oauth:pkce', 'oauth:refresh', 'proxy:headers']],
    [['proxy'], []],
    [['o.uth:*', 'proxy:h*s'], ['proxy:headers']],
  ])('that a namespace of %j names is written whatever its level', (namespaces, expected) => {
    const { log, written } = setUp({ level: 'error', namespaces })
    for (const event of ['oauth:pkce', 'oauth:refresh', 'proxy:headers']) log.debug(event)
    expect([...written().matchAll(/"event":"([\w:]+)"/g)].map(([, name]) => name)).toEqual(expected)
  })
})

describe('a secret', () => {
  test.each([
    'accessToken',
    'access_token',
    'refreshToken',
    'authorization',
    'headers',
    'body',
    'url',
    'secret',
    'password',
    'state',
    'verifier',
    '__proto__x',
    'constructor',
  ])('in the field %s, which is not on the list, is hidden', (name) => {
    const { log, written } = setUp()
    log.error('x:y', { [name]: 'needle' })
    const text = written()
    expect(text).not.toContain('needle')
    expect(JSON.parse(text)[name]).toBe('[hidden]')
  })

  test.each(['address', 'client', 'engine', 'grant', 'keys', 'notice'])(
    '%s, which the gateway names, is written',
    (name) => {
      const { log, written } = setUp()
      log.error('x:y', { [name]: 'seen' })
      expect(JSON.parse(written())[name]).toBe('seen')
    },
  )

  test.each(['message', 'reason', 'server'])('in the text of %s is removed', (name) => {
    const { log, written } = setUp()
    log.error('x:y', { [name]: `Bearer ${JWT}` })
    expect(written()).not.toContain('eyJ')
  })

  test('in the query of a server’s URL is removed', () => {
    const { log, written } = setUp()
    log.info('proxy:start', { server: 'https://mcp.example/mcp?api_key=needle#x' })
    const text = written()
    expect(text).toContain('https://mcp.example/mcp')
    expect(text).not.toContain('needle')
  })

  test('at a terminal is removed too', () => {
    const { log, written } = setUp({ isTTY: true })
    log.error('x:y', { message: `Bearer ${JWT}`, accessToken: 'needle' })
    expect(written()).not.toMatch(/eyJ|needle/)
  })
})

describe('a text', () => {
  const SECRETS = [
    'Authorization: Bearer needle-0123456789',
    'bearer needle.abc~+/=-x',
    'Basic bmVlZGxlOm5lZWRsZQ==',
    'DPoP needle0123456789',
    `id ${JWT} end`,
    'https://x/cb?code=needle-123456&state=needle-654321',
    'access_token=needle123456',
    'refresh_token = needle123456',
    '{"access_token":"needle123456","token_type":"bearer"}',
    "{'refresh_token': 'needle123456'}",
    'client_secret: needle123456',
    'code_verifier=needle123456789',
    'id_token=needle123456',
    'grant_type=refresh_token&refresh_token=needle%2F123456',
  ]
  test.each(SECRETS)('like %j loses its secret', (text) => {
    expect(withoutSecrets(text)).not.toMatch(/needle|eyJ|bmVl/)
    expect(withoutSecrets(text)).toContain('[hidden]')
  })

  test.each(SECRETS)('like %j loses its secret also when it was quoted for a message', (text) => {
    expect(withoutSecrets(`The server answered 500: ${quote(text)}.`)).not.toMatch(/needle|eyJ|bmVl/)
  })

  test.each([
    'The server answered 401.',
    'The authorization server "https://as.example" says "invalid_grant: Token is expired".',
    'code 7',
    'ECONNREFUSED',
    'state of the art',
  ])('like %j is not changed', (text) => {
    expect(withoutSecrets(text)).toBe(text)
  })
})

describe.skipIf(process.platform === 'win32')('the log file', () => {
  test('is private, in a folder that is created, whatever the umask', () => {
    const before = process.umask(0)
    onTestFinished(() => void process.umask(before))
    const file = `${folder.fresh('state')}/logs/proxy.log`
    const { log } = setUp({ file })
    log.info('a:b')
    log.info('c:d')
    expect(statSync(file).mode & 0o777).toBe(0o600)
    expect(readFileSync(file, 'utf8').trimEnd().split('\n')).toHaveLength(2)
  })

  test('that everybody could read is made private', () => {
    const file = folder.fresh('proxy.log')
    writeFileSync(file, 'old\n')
    chmodSync(file, 0o666)
    setUp({ file }).log.info('a:b')
    expect(statSync(file).mode & 0o777).toBe(0o600)
    expect(readFileSync(file, 'utf8')).toMatch(/^old\n\{/)
  })

  test('has its own level', () => {
    const file = folder.fresh('proxy.log')
    const { log, written } = setUp({ file, level: 'error', fileLevel: 'info' })
    log.debug('a:b')
    log.info('c:d')
    expect(written()).toBe('')
    expect(readFileSync(file, 'utf8')).toContain('c:d')
    expect(readFileSync(file, 'utf8')).not.toContain('a:b')
  })

  test('that cannot be written does not stop the program, and is told once', () => {
    const file = `${folder.fresh('proxy.log')}`
    writeFileSync(file, '')
    const { log, written } = setUp({ file: `${file}/below/a/file`, fileLevel: 'info' })
    log.info('c:d')
    log.warn('a:b')
    const text = written()
    expect(text).toContain('a:b')
    expect(text.match(/log:file/g)).toHaveLength(1)
    expect(text).toMatch(/The log file cannot be written: .*below/)
  })

  test('is not written through a link', () => {
    const target = folder.fresh('target')
    const link = folder.fresh('proxy.log')
    writeFileSync(target, '')
    symlinkSync(target, link)
    const { log } = setUp({ file: link })
    log.info('a:b')
    log.info('c:d')
    expect(readFileSync(target, 'utf8')).toBe('')
  })
})
