// What goes between this process and the one that makes a call of the OS keychain: a line of JSON there, an object of JSON back.

/** Not stdout: what a person has Node load in every process (`--require` in NODE_OPTIONS) may print there. */
export const ANSWERS_ON = 3

/** One line on stdin. */
export interface KeychainCall {
  readonly call: 'get' | 'set' | 'delete'
  readonly name: string
  readonly secret?: string
}

/** All that is written to {@link ANSWERS_ON}. */
export interface KeychainAnswer {
  readonly secret?: string | undefined
  readonly error?: string
}
