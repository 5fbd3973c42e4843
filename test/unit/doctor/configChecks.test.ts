// What check-config says of the database and the callback port is what doctor says of them.
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import { judgePort } from '../../../src/doctor/checks/callbackPort.ts'
import { wrongSchema } from '../../../src/doctor/checks/database.ts'
import { databaseCheck, portCheck } from '../../../src/doctor/configChecks.ts'
import { tempFolder } from '../../fakes/tempFolder.ts'
import { freePort } from '../../servers/freePort.ts'

const folder = tempFolder()

describe('the database', () => {
  test('is fine as a start leaves it, and if there is none yet', async () => {
    const file = folder.fresh('oauth.db')
    expect(await databaseCheck(file)).toMatchObject({ name: 'database', status: 'pass' })
    folder.database(file)
    expect(await databaseCheck(file)).toMatchObject({ name: 'database', status: 'pass' })
  })

  test('that lacks a table is schema_missing, in the words of doctor', async () => {
    const file = folder.fresh('oauth.db')
    const database = folder.database(file)
    database.exec('DROP TABLE clients')
    const found = await databaseCheck(file)
    expect(found).toMatchObject({ status: 'fail', code: 'schema_missing' })
    expect(found).toEqual({ name: 'database', ...wrongSchema(database) })
  })

  test('of a newer program is schema_missing', async () => {
    const file = folder.fresh('oauth.db')
    folder.database(file).run("INSERT INTO schema_migrations (version, name, applied_at) VALUES (999, 'x', 'x')")
    expect(await databaseCheck(file)).toMatchObject({
      code: 'schema_missing',
      detail: expect.stringContaining('version 999'),
    })
  })

  test.each([
    ['only adds tables is right', 1, { status: 'pass' }],
    ['changes more is schema_missing', 0, { code: 'schema_missing' }],
  ])('of a newer program that %s', async (_, additive, expected) => {
    const file = folder.fresh('oauth.db')
    folder
      .database(file)
      .run("INSERT INTO schema_migrations (version, name, applied_at, additive) VALUES (999, 'x', 'x', ?)", additive)
    expect(await databaseCheck(file)).toMatchObject(expected)
  })

  test.skipIf(process.platform === 'win32')(
    'behind a link is permissions_unsafe: a bridge would not open it',
    async () => {
      const [file, link] = [folder.fresh('oauth.db'), folder.fresh('link.db')]
      folder.database(file)
      symlinkSync(file, link)
      expect(await databaseCheck(link)).toMatchObject({ status: 'fail', code: 'permissions_unsafe' })
    },
  )

  test('that is a folder or a pipe is said to be no file, and is not read', async () => {
    const [inner, pipe] = [folder.fresh('inner'), folder.fresh('pipe')]
    mkdirSync(inner)
    if (process.platform !== 'win32') execFileSync('mkfifo', [pipe])
    for (const path of [inner, pipe].filter((one) => existsSync(one)))
      expect(await databaseCheck(path)).toMatchObject({
        code: 'database_unreachable',
        detail: `${path} cannot be used: it is not a regular file.`,
      })
  })

  test('that is not a database is database_unreachable', async () => {
    const file = folder.fresh('oauth.db')
    writeFileSync(file, 'no database at all '.repeat(100))
    expect(await databaseCheck(file)).toMatchObject({ status: 'fail', code: 'database_unreachable' })
  })
})

describe('the callback port', () => {
  const urlOf = (port: number) => `http://127.0.0.1:${port}/auth/callback`

  async function taken() {
    const server = createServer().listen(0, '127.0.0.1')
    onTestFinished(() => void server.close())
    await new Promise((resolve) => server.once('listening', resolve))
    return urlOf((server.address() as { port: number }).port)
  }

  test('that is in use causes the warning of doctor, for each address', async () => {
    const urls = [await taken(), await taken()]
    const outcomes = await Promise.all(urls.map(judgePort))
    expect(outcomes.map(({ status, code }) => `${status} ${code}`)).toEqual(['warn port_in_use', 'warn port_in_use'])
    expect(await portCheck(urls)).toEqual(outcomes.map((outcome) => ({ name: 'callback_port', ...outcome })))
  })

  test('causes no warning if one address is free', async () => {
    expect(await portCheck([await taken(), urlOf(await freePort())])).toEqual([])
  })
})
