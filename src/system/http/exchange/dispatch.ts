// One request on one pool → one response whose body pauses the socket while its reader is slow.
import type { Dispatcher } from 'undici'
import { BridgeError } from '../../../errors.ts'
import type { HttpRequest, HttpResponse } from '../../../ports.ts'
import type { Route } from '../connections.ts'
import { translate } from '../errors.ts'
import { proxyUnreachable } from '../proxy.ts'
import { type InterimWatch, watchInterim } from './interim.ts'
import { ResponseBody } from './responseBody.ts'
import { type SilenceWatch, watchSilence } from './silence.ts'

/** Larger bodies are written piece by piece, so that the kernel's buffer and not ours limits how much waits. */
const BIG = 64 * 1024
const PIECE = 256 * 1024

export function dispatch(route: Route, url: URL, request: HttpRequest): Promise<HttpResponse> {
  const { signal } = request
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted()
    let body: ResponseBody | undefined
    let controller: Dispatcher.DispatchController | undefined
    let interim: InterimWatch | undefined
    let silence: SilenceWatch | undefined
    /** When the request last moved, by the clock of `performance`. */
    let moved = 0
    let stopped: Error | undefined
    const stop = (reason: Error | undefined = signal?.reason) => {
      stopped ??= reason
      // Before the connection is made there is nothing to abort; then nobody waits for it.
      if (controller) controller.abort(reason)
      else reject(reason)
    }
    const abort = () => stop()
    const { transmission } = request
    const patience = transmission?.patience ?? request.patience
    // Where silence may have a reason, `watchSilence` alone counts it.
    const idleMs = patience ? 0 : request.idleMs
    const finish = () => {
      interim?.end()
      silence?.end()
      // A redirect or a refusal may have led to another request, which has the handle by now.
      if (transmission?.abort === stop) transmission.abort = undefined
      if (!transmission) signal?.removeEventListener('abort', abort)
    }
    if (transmission) transmission.abort = stop
    else signal?.addEventListener('abort', abort, { once: true })
    const progress = () => {
      moved = performance.now()
    }
    const taken = () => transmission?.taken?.()
    const big = request.body instanceof Uint8Array && request.body.byteLength > BIG ? request.body : undefined
    const extra = big && { 'content-length': String(big.byteLength) }
    route.pool.dispatch(
      {
        path: route.path,
        method: request.method,
        headers:
          extra || route.headers
            ? { ...request.headers, ...extra, ...route.headers }
            : (request.headers as Record<string, string>),
        body: big ? inPieces(big, progress, taken) : (request.body ?? null),
        headersTimeout: idleMs,
        bodyTimeout: idleMs,
      } as Dispatcher.DispatchOptions,
      {
        onRequestStart(started) {
          controller = started
          progress()
          if (patience)
            silence = watchSilence(
              request.idleMs,
              patience,
              () => body?.isPaused === true,
              url.origin,
              (error) => started.abort(error),
            )
          if (stopped || signal?.aborted) stop(stopped)
          else if (transmission) transmission.sent = true
        },
        onResponseStart(started, status, headers) {
          if (status < 200) {
            interim ??= watchInterim(
              idleMs,
              url.origin,
              () => moved,
              (error) => started.abort(error),
            )
            return interim.take(status)
          }
          interim?.end()
          silence?.heard()
          taken()
          body = new ResponseBody(started)
          const received = body
          resolve({ status, headers, body: received, discard: () => received.discard() })
        },
        onResponseData(_, chunk) {
          silence?.heard()
          body?.push(chunk)
        },
        onResponseEnd() {
          finish()
          body?.end()
        },
        onResponseError(_, thrown) {
          finish()
          const error =
            stopped ?? (signal?.aborted ? signal.reason : failure(route, url, thrown, controller !== undefined))
          if (body) body.fail(error)
          else reject(error)
        },
      },
    )
  })
}

function failure({ forwarder }: Route, url: URL, thrown: Error, sent: boolean): BridgeError {
  const isOfProxy = forwarder !== undefined && !sent && !(thrown instanceof BridgeError)
  return isOfProxy ? proxyUnreachable(forwarder, thrown) : translate(thrown, url, sent)
}

async function* inPieces(bytes: Uint8Array, onPiece: () => void, onTaken: () => void): AsyncGenerator<Uint8Array> {
  for (let from = 0; from < bytes.byteLength; from += PIECE) {
    onPiece()
    yield bytes.subarray(from, from + PIECE)
  }
  onTaken()
}
