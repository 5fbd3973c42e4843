// The environment for other programs: all of ours, except our own variables and what looks like a secret.

/** Filtered by name, because a browser and its scripts need variables that we cannot list. */
const SECRET_NAMES =
  /^MCP_OAUTH_BRIDGE_|SECRET|TOKEN|PASSW|PASSPHRASE|CREDENTIAL|API_?KEY|AUTHORIZATION|COOKIE|BEARER|(^|_)(KEY|PASS|PWD|DSN)$/i

/** PWD is the folder, not a password. */
const KEPT = new Set(['PWD', 'OLDPWD'])

export function childEnvironment(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(environment).filter(([name]) => KEPT.has(name) || !SECRET_NAMES.test(name)))
}

/** For a program that a person configured by name, and that needs secrets of its own. */
export const withoutOwnVariables = (environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv =>
  Object.fromEntries(Object.entries(environment).filter(([name]) => !/^MCP_OAUTH_BRIDGE_/i.test(name)))
