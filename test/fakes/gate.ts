// A promise that the test itself settles, and the turn of the event loop.

export interface Gate<T> {
  readonly passed: Promise<T>
  open(value: T): void
  fail(error: unknown): void
}

export function createGate<T = void>(): Gate<T> {
  let open: (value: T) => void = () => undefined
  let fail: (error: unknown) => void = () => undefined
  const passed = new Promise<T>((resolve, reject) => {
    open = resolve
    fail = reject
  })
  return { passed, open: (value) => open(value), fail: (error) => fail(error) }
}

/** Lets everything that can go on without the outside world go on. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve))
}
