// Members that have a value.
import { expect, expectTypeOf, test } from 'vitest'
import { present } from '../../src/present.ts'

test('leaves out what is undefined, and nothing else', () => {
  const made = present({ a: 1, b: undefined, c: null, d: '', e: false, f: 0 })
  expect(Object.keys(made)).toEqual(['a', 'c', 'd', 'e', 'f'])
})

test('keeps the order of the members', () => {
  const [none, some] = [undefined, 'x'] as (string | undefined)[]
  expect(JSON.stringify(present({ z: 1, none, a: some }))).toBe('{"z":1,"a":"x"}')
})

test('declares the other members as optional', () => {
  const hint = 'x' as string | undefined
  expectTypeOf(present({ name: 'n', hint }).hint).toEqualTypeOf<string | undefined>()
  expectTypeOf(present({ name: 'n', hint }).name).toEqualTypeOf<'n'>()
  const record: Readonly<Record<string, string | undefined>> = { a: 'x', b: undefined }
  expectTypeOf(present(record)).toEqualTypeOf<Readonly<Record<string, string>>>()
  expect(present(record)).toEqual({ a: 'x' })
})
