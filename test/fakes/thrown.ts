// What a piece of work ends in when it must fail with a BridgeError.
import { expect } from 'vitest'
import { BridgeError } from '../../src/errors.ts'

export async function errorOf(work: Promise<unknown> | (() => unknown)): Promise<BridgeError> {
  try {
    await (typeof work === 'function' ? work() : work)
  } catch (thrown) {
    expect(thrown).toBeInstanceOf(BridgeError)
    return thrown as BridgeError
  }
  throw new Error('It was expected to fail, and did not.')
}

export async function codeOf(work: Promise<unknown> | (() => unknown)): Promise<string> {
  return (await errorOf(work)).code
}

/** The code of what `work` rejects with; undefined where it does not. */
export async function outcomeOf(work: Promise<unknown>): Promise<string | undefined> {
  return work.then(
    () => undefined,
    () => codeOf(work),
  )
}
