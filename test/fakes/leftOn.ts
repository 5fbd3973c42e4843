// What an AbortSignal still holds of those that used it.
import { getEventListeners } from 'node:events'

/** Its listeners, and the signals that AbortSignal.any has made of it, which Node 20 keeps. */
export function leftOn(signal: AbortSignal): { listeners: number; dependants: number } {
  const dependants = Object.getOwnPropertySymbols(signal)
    .filter(({ description }) => description === 'kDependantSignals')
    .map((name) => (signal as unknown as Record<symbol, Set<unknown> | null>)[name]?.size ?? 0)
  return { listeners: getEventListeners(signal, 'abort').length, dependants: Math.max(0, ...dependants) }
}
