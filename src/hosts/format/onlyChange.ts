// Whether the new text of a host's file differs from the old one in one entry only, and that is as it was meant.
import { isDeepStrictEqual } from 'node:util'
import type { JsonObject } from './jsonText.ts'

/** A file's data, or why it cannot be read. */
export type Read = { readonly value: JsonObject } | { readonly fault: string }

/** `value`: what should stand at `key` and `name`; undefined: nothing. */
export function isOnlyChange(
  [before, after]: readonly [Read, Read],
  path: readonly [key: string, name: string],
  value: JsonObject | undefined,
): boolean {
  if ('fault' in before || 'fault' in after) return false
  const [was, is] = [parts(before.value, path), parts(after.value, path)]
  return isDeepStrictEqual(asJson([was.rest, was.more, value ?? null]), asJson([is.rest, is.more, is.own ?? null]))
}

function parts(data: JsonObject, [key, name]: readonly [string, string]) {
  const { [key]: map, ...rest } = data
  const { [name]: own, ...more } = (map ?? {}) as JsonObject
  return { rest, more, own }
}

/** Parsers differ in prototypes, and have types of their own for dates. */
const asJson = (value: unknown): unknown =>
  JSON.parse(JSON.stringify(value, (_, inner) => (typeof inner === 'bigint' ? String(inner) : inner)))
