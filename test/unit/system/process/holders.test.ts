// A process that named itself and has ended is gone; whatever is not certain is not.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { expect, test } from 'vitest'
import { holders } from '../../../../src/system/process/holders.ts'
import { until } from '../../../servers/until.ts'

/** This process's name, as if it were that of another one. */
const named = (pid: number | string, start?: string) => {
  const [, ours, ...place] = holders.self().split(' ')
  return [pid, start ?? ours, ...place].join(' ')
}

const sleeper = () => spawn(process.execPath, ['-e', 'setTimeout(() => undefined, 60_000)'], { stdio: 'ignore' })

async function killed(child: ChildProcess) {
  const gone = once(child, 'exit')
  child.kill('SIGKILL')
  await gone
  return child.pid ?? 0
}

test('this process is there, under one name', () => {
  expect(holders.self()).toBe(holders.self())
  expect(holders.isGone(holders.self())).toBe(false)
})

test('a process that was killed is gone', async () => {
  expect(holders.isGone(named(await killed(sleeper())))).toBe(true)
})

test.skipIf(process.platform !== 'linux')('another process with its id is not it', () => {
  expect(holders.isGone(named(process.pid, '1'))).toBe(true)
})

test.skipIf(process.platform !== 'linux')(
  'one that has ended and that its parent does not notice is gone',
  async () => {
    // The shell becomes a program that never waits for its child.
    const parent = spawn('/bin/sh', ['-c', 'sleep 0.01 & echo $!; exec sleep 60'], {
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    const [line] = await once(parent.stdout, 'data')
    const pid = Number(String(line))
    await until('its end', () => holders.isGone(named(pid)))
    process.kill(pid, 0)
    await killed(parent)
  },
)

test.each(['', 'a process that is gone', '0 1', '-1 1', '1e9 1 x', 'NaN', `${process.pid}`])(
  'a name that is none of this machine, or none at all, is not certain: %j',
  (name) => expect(holders.isGone(name)).toBe(false),
)

test.skipIf(process.platform !== 'linux')(
  'a process of another run of the machine, or in a container, is not certain',
  () => {
    const [pid, start, boot, space] = holders.self().split(' ')
    expect(holders.isGone(`999999 ${start} another-boot ${space}`)).toBe(false)
    expect(holders.isGone(`${pid} 1 ${boot} pid:[1]`)).toBe(false)
  },
)
