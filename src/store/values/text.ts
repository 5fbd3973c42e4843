// Texts from outside in columns: which of them both engines store as they are, and find again

/** Below what an entry of a PostgreSQL index may take. */
const LONGEST_KEY_BYTES = 1_000

/**
 * Whether both engines store this text as it is, and find it again: PostgreSQL takes no NUL and no long keys, and in UTF-8 all lone
 * surrogates are alike.
 */
export const isKeyText = (text: string): boolean =>
  !text.includes('\0') && text.isWellFormed() && Buffer.byteLength(text) <= LONGEST_KEY_BYTES

/** A text that is shown or compared but finds no row by itself: what cannot be stored is null. */
export const plainText = (value: unknown): string | null =>
  typeof value === 'string' && isKeyText(value) ? value : null
