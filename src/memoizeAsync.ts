// Creates a value on first use and keeps it; a failure is not kept.

/** Runs `make` once and keeps what it gives; a failure is not kept. */
export function memoizeAsync<T>(make: () => Promise<T>): (() => Promise<T>) & { peek(): Promise<T | undefined> } {
  let made: Promise<T> | undefined
  const get = () => {
    made ??= make().catch((thrown: unknown) => {
      made = undefined
      throw thrown
    })
    return made
  }
  return Object.assign(get, { peek: async () => made })
}
