// Replaces ${NAME} in a value by the environment variable.
import { BridgeError } from '../../errors.ts'

/** @throws BridgeError config_invalid for a name that is not set: an empty secret would fail later and elsewhere */
export function fillEnvironment(text: string, environment: NodeJS.ProcessEnv, place = ''): string {
  return text.replace(/\$\{(\w+)\}/g, (_whole, name: string) => {
    const value = variableIn(environment, name)
    if (value !== undefined) return value
    throw new BridgeError('config_invalid', {
      message: `${place}the environment variable ${name} is not set`,
      hint: `Set ${name}, or replace it with its value.`,
    })
  })
}

/** undefined: it is not set. */
export const variableIn = (environment: NodeJS.ProcessEnv, name: string): string | undefined =>
  Object.hasOwn(environment, name) ? environment[name] : undefined
