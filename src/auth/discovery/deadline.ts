// The total time of one exchange during a sign-in: it ends even if the server keeps sending single bytes.
import type { HttpClient, HttpRequest, HttpResponse } from '../../ports.ts'

/**
 * Runs `work` with a signal that aborts when `outer` does, or after `ms` with the result of `late`; then `work` is no longer awaited.
 * We use our own timer: a signal of AbortSignal.any may be collected with its timeout before it fires (Node 20).
 */
export async function withinTime<T>(
  ms: number,
  late: () => unknown,
  work: (signal: AbortSignal) => Promise<T>,
  outer?: AbortSignal,
): Promise<T> {
  const over = new AbortController()
  const timer = setTimeout(() => over.abort(late()), ms)
  const cut = () => over.abort(outer?.reason)
  const end = new Promise<never>((_, reject) => {
    over.signal.addEventListener('abort', () => reject(over.signal.reason), { once: true })
  })
  end.catch(() => undefined)
  if (outer?.aborted) cut()
  else outer?.addEventListener('abort', cut, { once: true })
  try {
    const working = work(over.signal)
    working.catch(() => undefined)
    return await Promise.race([working, end])
  } finally {
    clearTimeout(timer)
    outer?.removeEventListener('abort', cut)
  }
}

/** A response of which only status and headers matter: the body is discarded. */
export async function headOf(
  http: HttpClient,
  request: Omit<HttpRequest, 'signal'>,
  ms: number,
  late: () => unknown,
): Promise<Pick<HttpResponse, 'status' | 'headers'>> {
  const { status, headers } = await withinTime(ms, late, async (signal) => {
    const response = await http.request({ ...request, signal })
    response.discard()
    return response
  })
  return { status, headers }
}
