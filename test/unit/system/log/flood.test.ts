// A log that whoever causes events cannot wash out: the first of a kind are written, the rest are counted.
import { PassThrough } from 'node:stream'
import { expect, test } from 'vitest'
import { createLog } from '../../../../src/system/log/log.ts'

function setUp(level: 'debug' | 'info' = 'info') {
  let now = 0
  const stderr = Object.assign(new PassThrough({ highWaterMark: 64 * 1024 * 1024 }), { isTTY: false })
  const log = createLog({ stderr, level, namespaces: [], file: undefined, fileLevel: 'info', awake: () => now })
  const lines = () =>
    String(stderr.read() ?? '')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line))
  const pass = (ms: number) => {
    now += ms
  }
  return { log, lines, pass }
}

test('ten thousand events of one kind are some lines and a count', () => {
  const { log, lines } = setUp()
  for (let at = 0; at < 10_000; at++) log.warn('proxy:listen', { reason: `not an MCP message ${at}` })
  expect(lines()).toHaveLength(30)
  log.end?.()
  expect(lines()).toEqual([expect.objectContaining({ event: 'proxy:listen', level: 'warn', count: 9_970 })])
  log.end?.()
  expect(lines()).toEqual([])
})

test('an important event is written in the middle of a flood', () => {
  const { log, lines } = setUp()
  for (let at = 0; at < 1_000; at++) log.warn('proxy:listen')
  log.warn('proxy:request-failed', { code: 'server_error' })
  log.warn('proxy:request-failed', { code: 'unauthorized' })
  log.error('store:set-aside')
  expect(
    lines()
      .slice(30)
      .map(({ event, error }) => [event, error]),
  ).toEqual([
    ['proxy:request-failed', 'server_error'],
    ['proxy:request-failed', 'unauthorized'],
    ['store:set-aside', undefined],
  ])
})

test('a flood that lasts is written less and less often', () => {
  const { log, lines, pass } = setUp()
  const day = 24 * 60 * 60
  for (let second = 0; second < day; second++) {
    log.warn('proxy:listen')
    log.warn('proxy:listen')
    pass(1_000)
  }
  // 30 and their count in an hour, and a few more while it began.
  expect(lines().length).toBeLessThan(24 * 31 + 7 * 31)
})

test('after a quiet time everything is written again', () => {
  const { log, lines, pass } = setUp()
  for (let at = 0; at < 100; at++) log.warn('proxy:listen')
  lines()
  pass(60_000)
  log.info('proxy:end')
  expect(lines().map(({ event, count }) => [event, count])).toEqual([
    ['proxy:listen', 70],
    ['proxy:end', undefined],
  ])
  pass(200_000)
  for (let at = 0; at < 3; at++) log.warn('proxy:listen')
  expect(lines()).toHaveLength(3)
})

test('with debugging more events are written', () => {
  const { log, lines } = setUp('debug')
  for (let at = 0; at < 1_000; at++) log.debug('proxy:request')
  expect(lines()).toHaveLength(300)
})

test('a line is bounded, whatever a server puts into it, and truncated after its secrets are removed', () => {
  const { log, lines } = setUp()
  const bearer = `Bearer ${'needle0123456789'.repeat(100)}`
  log.warn('x:y', { message: `${'x'.repeat(990)} ${bearer}`, reason: 'y'.repeat(1_000_000) })
  const text = JSON.stringify(lines())
  expect(text.length).toBeLessThan(2_500)
  expect(text).not.toContain('needle')
})

test('no account is in a line', () => {
  const { log, lines } = setUp()
  log.warn('oauth:sign-in-failed', {
    message: 'The sign-in was for "ann@example.test", but "bob@example.test" signed in.',
  })
  expect(JSON.stringify(lines())).not.toMatch(/ann|bob/)
})
