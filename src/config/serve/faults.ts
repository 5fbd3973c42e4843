// What is wrong with the settings of serve although the file is valid: which key, why, and where the file has it.
import { BridgeError } from '../../errors.ts'
import { withoutControls } from '../../redaction/text.ts'
import type { YamlText } from '../file/yamlText.ts'

export interface ServeFault {
  /** Of the key, from the top of the file; of the map in which it is missing. */
  readonly key: readonly string[]
  /** One sentence. */
  readonly text: string
}

/** `file:line:column: ` where a key stands, or the map nearest to it that there is. */
export type PlaceOf = (key: readonly string[]) => string

export const nowhere: PlaceOf = () => ''

/** `path`: of the file, as it is shown. */
export function placesIn(yaml: Pick<YamlText, 'toData' | 'valueAt'>, path: string): PlaceOf {
  const data = yaml.toData()
  return (key) => {
    let at: unknown = data
    const missing = key.findIndex((name) => {
      const isThere = typeof at === 'object' && at !== null && Object.hasOwn(at, name)
      at = isThere ? (at as Record<string, unknown>)[name] : undefined
      return !isThere
    })
    return withoutControls(`${path}:${yaml.valueAt(missing < 0 ? key : key.slice(0, missing))}: `)
  }
}

/** A line for each fault. @throws BridgeError config_invalid where there is one */
export function demandFaultless(faults: readonly ServeFault[], place: PlaceOf): void {
  if (faults.length > 0)
    throw new BridgeError('config_invalid', { message: faults.map(({ key, text }) => place(key) + text) })
}
