// The seal of a database: opened with its key, which is made and remembered the first time, or only looked at.
import { asBridgeError, BridgeError } from '../../errors.ts'
import { memoizeAsync } from '../../memoizeAsync.ts'
import type { Clock, Logger } from '../../ports.ts'
import type { Database } from '../sql.ts'
import { adoptRows } from './adoptRows.ts'
import { redactedSeal } from './redactedSeal.ts'
import { createSeal, fingerprint, type OpenSeal, type Seal } from './seal.ts'
import { hasSlot, type KeyPin, type KeySlots, keyBackends, openSealingKey } from './sealingKey.ts'

export type PinnedSlots = KeySlots & { readonly pin: KeyPin }

/** A database that is met for the first time has its rows sealed as they stand, and its key remembered. */
export async function openSeal(
  database: Database,
  slots: PinnedSlots,
  { clock, log }: { readonly clock: Clock; readonly log: Logger },
): Promise<Seal> {
  const isNew = slots.pin.known() === undefined
  const key = await openSealingKey(database, slots, clock)
  const seal = redactedSeal(createSeal(key))
  if (!isNew || slots.pin.known() !== undefined) return seal
  const [backend] = await keyBackends(database)
  if (backend === 'file' && !(slots.wanted.length === 1 && slots.wanted[0] === 'file'))
    log.warn('store:key', {
      outcome: 'adopted',
      message: `The database says that the sealing key is in a file, and no earlier choice is recorded. To rule this out, set secret_store: keychain in config.yaml.`,
    })
  await adoptRows(database, seal)
  try {
    slots.pin.add(fingerprint(key))
  } catch (thrown) {
    // Without it the next process adopts the rows again: a sign-in is worth more than that one protection.
    const message = `${slots.pin.path} cannot be written: ${asBridgeError(thrown).message}`
    log.warn('store:key', { outcome: 'not remembered', message })
  }
  return seal
}

/**
 * Opens the seal once, and again where its key has no slot any more: another process gave that key up and made a new one, or the file is
 * another database. What is sealed there would be taken for altered.
 */
export function followKey(database: Database, open: () => Promise<Seal>): OpenSeal {
  let opening = memoizeAsync(open)
  return async () => {
    const mine = opening
    const seal = await mine()
    if (await hasSlot(database, seal.keyId)) return seal
    if (opening === mine) opening = memoizeAsync(open)
    return opening()
  }
}

/** For looking only. @throws BridgeError key_missing where there is no key */
export function readOnlySeal(key: Uint8Array | undefined, { pin }: PinnedSlots): Seal {
  if (!key) throw new BridgeError('key_missing')
  return redactedSeal(pin.known() ? createSeal(key) : { ...createSeal(key), unmarked: 'believed' })
}
