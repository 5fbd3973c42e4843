// The members of an object that have a value: what is undefined is left out, as an optional member wants it.

/** Members that may be undefined become optional; a record of any names keeps its names. */
type Present<T> = string extends keyof T
  ? { [K in keyof T]: Exclude<T[K], undefined> }
  : { [K in keyof T as undefined extends T[K] ? never : K]: T[K] } & {
      [K in keyof T as undefined extends T[K] ? K : never]?: Exclude<T[K], undefined>
    }

/** `present({ name, hint })` has no `hint` where that is undefined. Members keep their order. */
export function present<const T extends object>(members: T): Present<T> {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as Present<T>
}
