// Members of an object that are there: what is undefined is left out, as exactOptionalPropertyTypes wants it.
type Present<T> = { [K in keyof T]?: Exclude<T[K], undefined> }
/** The members of `members` that are not undefined. */
export const present = <T extends object>(members: T): Present<T> =>
  Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as Present<T>
