// How a demo ends: what it started is closed, the newest first, also after Ctrl-C at any moment of its start

/** @type {(() => unknown)[]} */
const closing = []
/** @type {Promise<never> | undefined} */
let ending

/** Whatever comes of its start: what is still starting is waited for. @type {<T>(started: T | Promise<T>, close: (started: T) => unknown) => T | Promise<T>} */
export function closeLater(started, close) {
  closing.push(() => Promise.resolve(started).then(close, () => undefined))
  return started
}

/** @type {(code: number) => Promise<never>} */
export function end(code) {
  ending ??= (async () => {
    for (const close of closing.reverse()) await close()
    process.exit(code)
  })()
  return ending
}

/** From its first line to its last. @type {(demo: () => Promise<number>) => Promise<never>} */
export async function run(demo) {
  // A second signal ends the process at once.
  for (const [signal, number] of Object.entries({ SIGINT: 2, SIGTERM: 15, SIGHUP: 1 }))
    process.once(signal, () => end(128 + number))
  try {
    return await end(await demo())
  } catch (thrown) {
    // What was started hears the signal too, and fails.
    if (!ending) console.error(`error: ${thrown instanceof Error ? thrown.message : thrown}`)
    return end(1)
  }
}
