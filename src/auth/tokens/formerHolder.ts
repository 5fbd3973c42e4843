// What the former holder of a lease may have in hand: who hangs may go on, and use what is good for one use.
import type { Clock, Lease } from '../../ports.ts'

/** Longer than an authorization server may take for its answer, in ms. */
const ANSWER_MS = 35_000
const LOOK_MS = 250

/**
 * Waits for the former holder while that may go on: until `isSettled`, asked again and again, says that nothing is in hand any more, that
 * holder has certainly ended, or an answer would have come. @throws what `isSettled` throws
 */
export async function leaveToFormer(
  { former }: Lease,
  clock: Pick<Clock, 'sleep'>,
  isSettled: () => Promise<boolean>,
): Promise<void> {
  for (let left = ANSWER_MS; former && !former.isGone() && left > 0; left -= LOOK_MS) {
    await clock.sleep(LOOK_MS)
    if (await isSettled()) return
  }
}
