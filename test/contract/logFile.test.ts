// The log file under many processes at once: no line is lost or torn while it is set aside.
import { execFileSync, spawn } from 'node:child_process'
import {
  chmodSync,
  closeSync,
  constants,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  statSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { rolldown } from 'rolldown'
import { describe, expect, test } from 'vitest'
import { createLogFile, logFilesAside, recentLines } from '../../src/system/log/file.ts'
import { tempFolder } from '../fakes/tempFolder.ts'

const folder = tempFolder()
const SOURCE = fileURLToPath(new URL('../../src/system/log/file.ts', import.meta.url))

test('many processes write and rotate the log, and no line is lost', async () => {
  const place = folder.fresh('logs')
  mkdirSync(place)
  const file = join(place, 'proxy.log')
  const bundle = await rolldown({ input: SOURCE, platform: 'node' })
  const built = join(place, 'logFile.mjs')
  await bundle.write({ file: built, format: 'esm' })
  await bundle.close()
  const writer = `const { createLogFile } = await import(${JSON.stringify(`file://${built}`)})
    const append = createLogFile(${JSON.stringify(file)}, { largest: 4000, kept: 1000 })
    for (let at = 0; at < 300; at++) append(process.argv[1] + ':' + at + ' ' + 'x'.repeat(40) + '\\n')`
  const writers = ['a', 'b', 'c', 'd', 'e'].map((name) => {
    const child = spawn(process.execPath, ['--input-type=module', '-e', writer, name], { stdio: 'inherit' })
    return new Promise((resolve) => child.once('exit', resolve))
  })
  expect(await Promise.all(writers)).toEqual([0, 0, 0, 0, 0])
  const files = readdirSync(place).filter((name) => name.startsWith('proxy.log'))
  expect(files.length).toBeGreaterThan(5)
  const lines = files.flatMap((name) => readFileSync(join(place, name), 'utf8').trimEnd().split('\n'))
  const expected = ['a', 'b', 'c', 'd', 'e'].flatMap((name) => Array.from({ length: 300 }, (_, at) => `${name}:${at}`))
  expect(lines.map((line) => line.split(' ')[0]).sort()).toEqual(expected.sort())
  if (process.platform !== 'win32')
    for (const name of files) expect(statSync(join(place, name)).mode & 0o777, name).toBe(0o600)
})

test('only the newest rotated files are kept, and the newest lines are found across them', () => {
  const file = join(folder.fresh('logs'), 'proxy.log')
  const append = createLogFile(file, { largest: 30, kept: 2 })
  for (let at = 0; at < 20; at++) append(`line number ${at}\n`)
  expect(logFilesAside(file)).toHaveLength(2)
  expect(recentLines(file, 3)).toEqual(['line number 17', 'line number 18', 'line number 19'])
  expect(recentLines(join(folder.path, 'nowhere', 'proxy.log'), 3)).toEqual([])
})

describe.skipIf(process.platform === 'win32')('a log file that is a pipe', () => {
  function pipe() {
    const file = join(folder.fresh('logs'), 'pipe')
    mkdirSync(dirname(file))
    execFileSync('mkfifo', [file])
    chmodSync(file, 0o644)
    return file
  }

  test('is written to, and keeps its name and its permissions', () => {
    const file = pipe()
    const reader = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK)
    const append = createLogFile(file, { largest: 1, kept: 2 })
    for (const line of ['first\n', 'second\n']) append(line)
    const buffer = Buffer.alloc(100)
    expect(buffer.toString('utf8', 0, readSync(reader, buffer))).toBe('first\nsecond\n')
    closeSync(reader)
    expect(readdirSync(dirname(file))).toEqual(['pipe'])
    expect(statSync(file).mode & 0o777).toBe(0o644)
  })

  test('is waited for neither by a writer nor by a reader', () => {
    const file = pipe()
    expect(() => createLogFile(file)('line\n')).toThrow('ENXIO')
    expect(recentLines(file, 3)).toEqual([])
  })
})

test.skipIf(process.platform === 'win32')('/dev/null is a log file like any other, whoever it belongs to', () => {
  const before = statSync('/dev/null').mode
  createLogFile('/dev/null')('line\n')
  expect(recentLines('/dev/null', 3)).toEqual([])
  expect(statSync('/dev/null').mode).toBe(before)
})
