// A Send that answers from a function and keeps what was sent.
import type { Send } from '../../src/bridge/http/send.ts'
import type { Cause, HttpResponse } from '../../src/ports.ts'
import type { Patience } from '../../src/records.ts'

export interface Sent {
  readonly method: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  readonly cause: Cause
  readonly signal: AbortSignal | undefined
  readonly idleMs: number | undefined
  /** When the silence of the server does not count. */
  readonly patience: Patience | undefined
  /** Left out where it is the server's own. */
  readonly url: string | undefined
}

export interface FakeSend {
  readonly send: Send
  readonly sent: readonly Sent[]
}

export function createFakeSend(answer: (sent: Sent, index: number) => HttpResponse | Promise<HttpResponse>): FakeSend {
  const sent: Sent[] = []
  return {
    sent,
    async send({ method, url, headers, body, signal, idleMs, transmission, patience }, cause) {
      if (transmission) transmission.sent = true
      const one: Sent = {
        method,
        headers,
        body: String(body === undefined ? '' : Buffer.from(body)),
        cause,
        signal,
        idleMs,
        patience,
        url: url?.href,
      }
      sent.push(one)
      const answered = await answer(one, sent.length - 1)
      transmission?.taken?.()
      return answered
    },
  }
}
