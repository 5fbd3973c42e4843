// Asks one address after another for a document, and says what each of them gave.
import { BridgeError, reworded } from '../../errors.ts'
import { shownUrl } from '../../redaction/shownUrl.ts'
import type { JsonObject } from './body.ts'
import type { Answer, Nothing } from './fetchJson.ts'

export interface Asked {
  readonly url: URL
  readonly nothing: Nothing
}

export interface Search<T> {
  readonly urls: readonly URL[]
  /** `wholeMs`: longest time of the answer; undefined: as long as usual. */
  readonly ask: (url: URL, wholeMs: number | undefined) => Promise<Answer>
  /** Not the document that is looked for: what it is instead. @throws BridgeError for a document that must not be used */
  readonly read: (document: JsonObject, url: URL) => { readonly value: T } | Nothing
  /** Whether no further address may be asked after this one. */
  readonly ends?: (nothing: Nothing, url: URL) => boolean
}

export interface Result<T> {
  readonly found: T | undefined
  /** The addresses that did not have it. */
  readonly asked: readonly Asked[]
}

/** A server that was silent once has this long for each further address, in ms. */
const AFTER_SILENCE_MS = 3_000

export async function search<T>({ urls, ask, read, ends }: Search<T>): Promise<Result<T>> {
  const asked: Asked[] = []
  const unreachable = new Set<string>()
  const silent = new Set<string>()
  for (const url of urls) {
    if (unreachable.has(url.origin)) continue
    const answer = await ask(url, silent.has(url.origin) ? AFTER_SILENCE_MS : undefined)
    const result = 'document' in answer ? judged(read, answer.document, url) : answer
    if ('value' in result) return { found: result.value, asked }
    asked.push({ url, nothing: result })
    if (result.kind === 'unreachable') unreachable.add(url.origin)
    if (result.kind === 'passing' && result.error?.details.status === undefined) silent.add(url.origin)
    if (ends?.(result, url)) break
  }
  return { found: undefined, asked }
}

function judged<T>(read: Search<T>['read'], document: JsonObject, url: URL): { readonly value: T } | Nothing {
  try {
    return read(document, url)
  } catch (thrown) {
    if (!(thrown instanceof BridgeError)) throw thrown
    return { kind: 'refused', gave: 'a document that is not used', error: thrown }
  }
}

/** It is not known whether there is a document. */
export const isUncertain = ({ nothing: { kind } }: Asked): boolean => kind === 'passing' || kind === 'unreachable'

/** Each thing that was given, with the addresses that gave it. Those at `home` are shown as paths. */
export function listAsked(asked: readonly Asked[], home: string): string {
  const places = new Map<string, string[]>()
  for (const { url, nothing } of asked) {
    const shown = shownUrl(url.href)
    const place = url.origin === home ? shown.slice(home.length) : shown
    places.set(nothing.gave, [...(places.get(nothing.gave) ?? []), place])
  }
  return [...places].map(([gave, at]) => `${gave} at ${at.join(', ')}`).join('; ')
}

/** What tells most comes first: an address that is refused, then a document with a fault, then what may pass. */
function rankOf({ kind, error }: Nothing): number {
  if (error === undefined) return 9
  if (error.code === 'address_refused') return 0
  if (kind === 'refused') return error.code === 'redirect_refused' ? 4 : 1
  return kind === 'unreachable' ? 2 : 3
}

/** The error among `asked` that tells most, with `all` addresses; undefined: each of them says that there is no document. */
export function tellingError(asked: readonly Asked[], home: string, all = asked): BridgeError | undefined {
  const { error } = asked.map(({ nothing }) => nothing).toSorted((one, other) => rankOf(one) - rankOf(other))[0] ?? {}
  if (!error || all.length === 1) return error
  return withMore(error, `Addresses asked: ${listAsked(all, home)}.`)
}

/** The same error with one more sentence. */
export const withMore = (error: BridgeError, sentence: string): BridgeError =>
  reworded(error, { message: `${error.message} ${sentence}` })
