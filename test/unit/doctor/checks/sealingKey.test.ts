// What doctor says about the sealing key of a gateway on SQLite, which a file, a program or a list of keys gives.
import { randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { basename, dirname } from 'node:path'
import { expect, test } from 'vitest'
import { keychain } from '../../../../src/doctor/checks/sealingKey.ts'
import type { CheckContext, Findings } from '../../../../src/doctor/report/context.ts'
import { checkKeyRing, demandKeyOf } from '../../../../src/store/sealing/keyRing.ts'
import { keyBackends } from '../../../../src/store/sealing/sealingKey.ts'
import { createStandingClock } from '../../../fakes/fakeClock.ts'
import { sqlOf } from '../../../fakes/sqlOf.ts'
import { tempFolder } from '../../../fakes/tempFolder.ts'
import { errorOf } from '../../../fakes/thrown.ts'

const folder = tempFolder()
const OLD = randomBytes(32)
const NEW = randomBytes(32)
const text = (...keys: Buffer[]) => keys.map((key) => key.toString('base64')).join(',')

function keyFile(...keys: Buffer[]) {
  const path = folder.fresh('sealing.key')
  writeFileSync(path, text(...keys))
  return path
}

interface Given {
  readonly environment?: NodeJS.ProcessEnv
  readonly config?: Partial<CheckContext['config']>
  readonly at?: string
}

/** Of a database that `serve` was first started on with OLD; `before` any start: its file is empty. */
async function run({ environment = {}, config, at = folder.path }: Given, { before = false } = {}) {
  const database = sqlOf(folder.database())
  if (!before) await checkKeyRing(database, [OLD], createStandingClock())
  const look = {
    keyBackends: () => keyBackends(database),
    sealingKey: async () => {
      throw new Error('The bridge looks for a key of its own.')
    },
    demandKeyOf: (keys: readonly Uint8Array[]) => demandKeyOf(database, keys),
  }
  const context = { config: { secretStore: 'file', isGateway: true, ...config }, environment, folder: at }
  return keychain.run(context as unknown as CheckContext, { look } as unknown as Findings, new AbortController().signal)
}

test('the key of MCP_OAUTH_BRIDGE_KEY_FILE passes, also beside a new one, and relative to the working folder', async () => {
  const path = keyFile(OLD)
  for (const environment of [
    { MCP_OAUTH_BRIDGE_KEY_FILE: path },
    { MCP_OAUTH_BRIDGE_KEY_FILE: keyFile(NEW, OLD) },
    { MCP_OAUTH_BRIDGE_KEY: text(NEW, OLD) },
  ])
    expect((await run({ environment })).status).toBe('pass')
  const near = { environment: { MCP_OAUTH_BRIDGE_KEY_FILE: basename(path) }, at: dirname(path) }
  expect((await run(near)).status).toBe('pass')
})

test('another key fails, with the remedy that keeps the sign-ins', async () => {
  const error = await errorOf(run({ environment: { MCP_OAUTH_BRIDGE_KEY_FILE: keyFile(NEW) } }))
  expect([error.code, error.hint]).toEqual(['key_missing', expect.stringContaining('NEW,OLD')])
})

test('serve.key_command is not run, and nothing is said against its key', async () => {
  const config = { keyByCommand: true } as const
  for (const before of [true, false])
    expect(await run({ config }, { before })).toMatchObject({
      status: 'skip',
      detail: expect.stringContaining('serve.key_command'),
    })
})

test('without the environment of serve, the remedy is that environment and not to discard the sign-ins', async () => {
  const { status, remedy } = await run({})
  expect([status, remedy]).toEqual(['fail', expect.stringContaining('environment of serve')])
  expect(remedy).not.toContain('logout')
})

test('before the first start, the configured key is the one to come', async () => {
  const environment = { MCP_OAUTH_BRIDGE_KEY_FILE: keyFile(OLD) }
  expect((await run({ environment }, { before: true })).detail).toContain('No key has been used yet')
})
