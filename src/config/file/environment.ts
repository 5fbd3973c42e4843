// Replaces ${NAME} in a value by the environment variable.
import { BridgeError } from '../../errors.ts'

/** @throws BridgeError config_invalid for a name that is not set: an empty secret would fail later and elsewhere */
export function fillEnvironment(text: string, environment: NodeJS.ProcessEnv, place = ''): string {
  return text.replace(/\$\{(\w+)\}/g, (_whole, name: string) => {
    const value = Object.hasOwn(environment, name) ? environment[name] : undefined
    if (value !== undefined) return value
    throw new BridgeError('config_invalid', {
      message: `${place}the environment variable ${name} is not set`,
      hint: `Set ${name}, or replace it by its value.`,
    })
  })
}
