// An Authorizer with one token at a time.
import type { Authorizer, Cause } from '../../src/ports.ts'

export interface FakeAuthorizer extends Authorizer {
  readonly challenges: readonly { status: number; refused: Readonly<Record<string, string>>; cause: Cause }[]
}

/** `next` gives the headers after a challenge, or throws. */
export function createFakeAuthorizer(
  first: Readonly<Record<string, string>>,
  next: () => Readonly<Record<string, string>>,
): FakeAuthorizer {
  const challenges: { status: number; refused: Readonly<Record<string, string>>; cause: Cause }[] = []
  let current = first
  return {
    challenges,
    headers: async () => current,
    onNonce: async () => undefined,
    async onChallenge({ status }, refused, cause) {
      challenges.push({ status, refused, cause })
      current = next()
    },
  }
}
