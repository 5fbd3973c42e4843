// The parameters of a statement, `?` and `:name`: where they stand, which ones there are, and whether all of them have a value

/** A text or a name in quotes, a comment, a dollar-quoted body, a cast, or a parameter. */
export const PARTS =
  /'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|\/\*[\s\S]*?\*\/|\$(\w*)\$[\s\S]*?\$\1\$|::|\?|:([a-zA-Z_]\w*)/g

/** Throws where a value of this statement is missing, for a driver that takes NULL in its place. @throws TypeError */
export type CheckValues = (values: readonly unknown[]) => void

/** undefined: the statement has no parameters. */
export function valueCheck(sql: string): CheckValues | undefined {
  const names = new Set<string>()
  let positions = 0
  for (const [part, , name] of sql.matchAll(PARTS)) {
    if (part === '?') positions++
    if (name !== undefined) names.add(name)
  }
  if (positions === 0 && names.size === 0) return undefined
  const wanted = [...names]
  return (values) => {
    const given = Object(values[0]) as Readonly<Record<string, unknown>>
    const isWhole = wanted.length > 0 ? wanted.every((name) => given[name] !== undefined) : values.length === positions
    if (!isWhole) throw new TypeError('A parameter of the statement has no value.')
  }
}
