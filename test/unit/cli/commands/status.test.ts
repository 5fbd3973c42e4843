// What status shows of a gateway's database: none of its users, and where its sealing key is.
import { Readable, Writable } from 'node:stream'
import { expect, test } from 'vitest'
import { status } from '../../../../src/cli/commands/status.ts'
import type { TokenKey } from '../../../../src/records.ts'
import { createStandingClock } from '../../../fakes/fakeClock.ts'

const OURS: TokenKey = { server: 'https://mcp.example.com/mcp', profile: 'default' }
const PERSON: TokenKey = { server: 'provider:github', profile: 'k9g_0F' }

interface Given {
  readonly pending?: readonly TokenKey[]
  readonly config?: object
}

async function report({ pending = [], config }: Given) {
  let said = ''
  const stdout = new Writable({
    write(chunk, _encoding, done) {
      said += chunk
      done()
    },
  })
  const stores = {
    tokens: { list: async () => [] },
    attempts: { open: async () => pending },
    answers: { get: async () => undefined },
    keyBackends: async () => ['env'],
    driver: 'test',
  }
  const app = {
    clock: createStandingClock(),
    config: { secretStore: 'env', database: 'oauth.db', dataFolder: '.', exceptions: [], configured: [], ...config },
    oauth: { rules: async () => () => ({}) },
    storage: {
      open: async () => stores,
      openPostgres: async () => ({ schema: { version: async () => 6, latest: 6 }, close: async () => undefined }),
    },
  }
  const line = { has: (flag: string) => flag === 'json', server: undefined }
  const io = { stdin: Readable.from([]), stdout, stderr: stdout, environment: {}, folder: '.', version: '1' }
  const [of, words, streams] = [app, line, io] as unknown as Parameters<typeof status>
  expect(await status(of, words, streams)).toBe(0)
  return JSON.parse(said)
}

test('pending sign-ins of the users of a gateway are no accounts of this command', async () => {
  const { accounts } = await report({ pending: [PERSON, OURS] })
  expect(accounts.map(({ server, state }: { server: string; state: string }) => [server, state])).toEqual([
    [OURS.server, 'signing_in'],
  ])
})

test('of PostgreSQL it says as much as of SQLite: where the key is, the database and no account', async () => {
  const of = await report({ config: { postgres: { shown: 'db.example:5432/oauth' } } })
  expect(of).toMatchObject({ secret_store: 'env', database: 'db.example:5432/oauth', driver: 'pg', accounts: [] })
})
