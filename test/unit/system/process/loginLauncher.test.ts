// The login process is nobody's child, in a session of its own, and gets its job as a whole.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { launch } from '../../../../src/system/process/loginLauncher.ts'
import { thisMachine } from '../../../../src/system/process/programs.ts'
import { tempFolder } from '../../../fakes/tempFolder.ts'
import { codeOf } from '../../../fakes/thrown.ts'
import { until } from '../../../servers/until.ts'

const folder = tempFolder()

/** Writes down what it was started with, once its parent has ended. */
const SCRIPT = `
const { readFileSync, writeFileSync, renameSync } = require('node:fs')
const stdin = readFileSync(0, 'utf8')
const parent = process.ppid
const told = { stdin, parent, words: process.argv.slice(2), environment: process.env, pid: process.pid }
writeFileSync(__filename + '.part', JSON.stringify(told))
renameSync(__filename + '.part', __filename + '.out')
setTimeout(() => undefined, 60_000)
`

async function started(job: object, lacks: readonly string[] = [], environment: NodeJS.ProcessEnv = process.env) {
  const program = folder.fresh('program.cjs')
  writeFileSync(program, SCRIPT)
  const machine = thisMachine(environment)
  const isProgram = (path: string) => !lacks.some((name) => path.endsWith(`/${name}`)) && machine.isProgram(path)
  await launch({ ...machine, isProgram }, program, { attemptId: 'a', tab: 'none', config: job })
  await until('the program', () => existsSync(`${program}.out`))
  const told = JSON.parse(readFileSync(`${program}.out`, 'utf8'))
  const fields = () => readFileSync(`/proc/${told.pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
  return { ...told, fields, end: () => process.kill(told.pid, 'SIGKILL') }
}

const WAYS: [string, string[]][] = [
  ['by a shell and setsid', []],
  ['by a shell alone', ['setsid']],
  ['without a shell', ['sh']],
]

test.skipIf(process.platform !== 'linux').each(WAYS)(
  '%s: it has another parent and another session',
  async (_, lacks) => {
    const { fields, end, words } = await started({ some: 'job' }, lacks)
    const ours = readFileSync('/proc/self/stat', 'utf8').split(') ')[1]?.split(' ') ?? []
    await until('another parent', () => fields()[1] !== String(process.pid))
    const [, parent, group, session] = fields()
    expect(existsSync(`/proc/${parent}`)).toBe(true)
    expect([group, session]).not.toContain(ours[2])
    expect(session).not.toBe(ours[3])
    expect(words).toEqual(['login', '--attempt'])
    end()
  },
)

test.each(WAYS)('%s: a job that no pipe holds at once comes as one whole line', async (_, lacks) => {
  const long = 'x'.repeat(3_000_000)
  const { stdin, end } = await started({ long }, lacks)
  expect(stdin).toBe(`${JSON.stringify({ attemptId: 'a', tab: 'none', config: { long } })}\n`)
  end()
})

test.each(WAYS)(
  '%s: one that dies before it has its job is an error, which the next start is not about',
  async (_, lacks) => {
    const program = folder.fresh('program.cjs')
    writeFileSync(program, 'process.kill(process.pid, "SIGKILL")')
    const environment = thisMachine(process.env)
    const isProgram = (path: string) => !lacks.some((name) => path.endsWith(`/${name}`)) && environment.isProgram(path)
    const job = { attemptId: 'a', tab: 'none', config: { long: 'x'.repeat(3_000_000) } } as const
    expect(await codeOf(launch({ ...environment, isProgram }, program, job))).toBe('internal')
    const { stdin, end } = await started({ some: 'job' }, lacks)
    expect(stdin).toContain('some')
    end()
  },
)

test('nothing in its environment depends on the working folder', async () => {
  const inside = join(process.cwd(), 'tools')
  const { environment, end } = await started({}, [], {
    ...{ PATH: `${inside}:${process.env.PATH}:relative`, HOME: folder.path },
    ...{ NODE_EXTRA_CA_CERTS: 'package.json', BROWSER: 'mine' },
  })
  expect(environment.PATH.split(':')).not.toContain(inside)
  expect(environment.PATH.split(':')).not.toContain('relative')
  expect(environment).toMatchObject({ NODE_EXTRA_CA_CERTS: join(process.cwd(), 'package.json'), BROWSER: 'mine' })
  end()
})

test.each(['/nowhere/node', join(fileURLToPath(import.meta.url), 'node')])(
  'a Node that is no longer there (%#) is an error, not silence',
  async (gone) => {
    const real = process.execPath
    process.execPath = gone
    try {
      const machine = { ...thisMachine(process.env), isProgram: (path: string) => path === '/bin/sh' }
      expect(await codeOf(launch(machine, 'program', { attemptId: 'a', tab: 'none', config: {} }))).toBe('internal')
    } finally {
      process.execPath = real
    }
  },
)
