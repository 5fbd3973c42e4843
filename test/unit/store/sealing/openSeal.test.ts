// The seal of a process that runs for long: opened once, and again when another process has made a new key.
import { expect, test } from 'vitest'
import { followKey } from '../../../../src/store/sealing/openSeal.ts'
import { createSeal } from '../../../../src/store/sealing/seal.ts'
import { openSealingKey } from '../../../../src/store/sealing/sealingKey.ts'
import { createTokenStore } from '../../../../src/store/tokenStore.ts'
import { createStandingClock } from '../../../fakes/fakeClock.ts'
import { createFakeSecretStore } from '../../../fakes/fakeSecretStore.ts'
import { sqlOf } from '../../../fakes/sqlOf.ts'
import { KEY, BARE as TOKENS } from '../../../fakes/storeKit.ts'
import { tempFolder } from '../../../fakes/tempFolder.ts'
import { codeOf } from '../../../fakes/thrown.ts'

const folder = tempFolder()
const clock = createStandingClock()

/** A database, the place of its key, and processes that use both. */
function setUp() {
  const path = folder.fresh('oauth.db')
  const [keychain, file, env] = [createFakeSecretStore(), createFakeSecretStore(), createFakeSecretStore()]
  const slots = { wanted: ['file'], stores: { keychain, file, env } } as const
  const process = () => {
    const database = sqlOf(folder.database(path))
    let opened = 0
    const openSeal = followKey(database, async () => {
      opened++
      return createSeal(await openSealingKey(database, slots, clock))
    })
    return { openSeal, tokens: createTokenStore(database, openSeal, clock), opened: () => opened }
  }
  return { file, process }
}

test('is opened once while its key is the one of the database', async () => {
  const { openSeal, opened } = setUp().process()
  const [one, other] = [await openSeal(), await openSeal()]
  expect([one === other, opened()]).toEqual([true, 1])
})

test('is opened again, once for all who ask, when another process has given its key up for a new one', async () => {
  const { file, process } = setUp()
  const [running, other] = [process(), process()]
  await running.tokens.replace(KEY, TOKENS, 0)
  file.secrets.clear()
  await other.tokens.remove(KEY, 1)
  await other.tokens.replace(KEY, TOKENS, 2)
  const seals = await Promise.all([running.openSeal(), running.openSeal(), running.openSeal()])
  expect(new Set(seals.map(({ keyId }) => keyId))).toEqual(new Set([(await other.openSeal()).keyId]))
  expect(running.opened()).toBe(2)
  expect(await running.tokens.load(KEY)).toEqual({ generation: 3, tokens: TOKENS })
  expect((await running.tokens.list())[0]?.lastError).toBeUndefined()
})

test('stays with its key while secrets are sealed with that, also where the key itself is gone', async () => {
  const { file, process } = setUp()
  const [running, other] = [process(), process()]
  await running.tokens.replace(KEY, TOKENS, 0)
  file.secrets.clear()
  expect(await codeOf(other.openSeal())).toBe('key_missing')
  expect((await running.tokens.load(KEY)).tokens).toEqual(TOKENS)
})
