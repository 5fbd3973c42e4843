// Sign-in by pasting: reads the address that the browser ends at from the terminal, until one is of this attempt.
import { createInterface } from 'node:readline'
import { type Readable, Writable } from 'node:stream'
import type { Attempt, CallbackPage } from '../../records.ts'
import { aborted, interrupted, type SignInMethod } from '../attempt/race.ts'
import { readPastedAddress } from './callbackUrl.ts'

export interface PasteOptions {
  readonly stdin: Readable & { readonly isTTY?: boolean }
  readonly say: (text: string) => void
  /** The address is shown; pasting makes no sense before. */
  readonly shown: Promise<void>
  /** What a redirect of this attempt has to name now: each round has its own, whoever began it. */
  readonly stateOf: (attempt: Attempt) => Promise<string>
  readonly answer: (query: URLSearchParams) => Promise<CallbackPage>
}

export const PROMPT = `If the last page in the browser does not load, paste its address here\nand press Enter (the address is not shown):\n`

/** The input is not echoed: it contains the code, and may contain escape sequences. */
export function byPasting({ stdin, say, shown, stateOf, answer }: PasteOptions): SignInMethod {
  const hear = async (line: string, attempt: Attempt) => {
    const pasted = readPastedAddress(line, await stateOf(attempt))
    if (pasted.kind === 'refused') return say(`${pasted.why}\n`)
    const page = await answer(pasted.query)
    if (page.kind === 'invalid_state') say(USED)
    if (page.kind === 'again') say(again(page.authorizationUrl))
  }

  return async (attempt, signal) => {
    await Promise.race([shown, aborted(signal)])
    if (signal.aborted) return
    say(PROMPT)
    // A terminal's own line editing would cut an address at 1024 or 4096 characters, so the line is put together here.
    const terminal = stdin.isTTY === true
    const output = new Writable({ write: (_chunk, _encoding, done) => done() })
    const lines = createInterface({ input: stdin, output, terminal, historySize: 0, signal })
    try {
      await new Promise<void>((resolve, reject) => {
        lines.once('close', resolve)
        lines.once('SIGINT', () => reject(interrupted('by a person')))
        lines.on('line', (line) => {
          if (line.trim() !== '') hear(line, attempt).catch(reject)
        })
      })
    } finally {
      lines.close()
      stdin.pause()
    }
  }
}

/** No browser follows the redirect to it: the person does. */
const again = (address: string) =>
  `The authorization server refused this request, so the sign-in starts again with another one. Open this address:\n${address}\nThen paste the address of the last page here.\n`
const USED = 'That address was already used. Wait a moment, or start again.\n'
