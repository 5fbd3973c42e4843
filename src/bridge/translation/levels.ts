// The levels of log messages, which both eras share.

/** From the most verbose on (RFC 5424). */
export const LEVELS: readonly unknown[] = 'debug info notice warning error critical alert emergency'.split(' ')
