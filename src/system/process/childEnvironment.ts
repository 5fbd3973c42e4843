// The environment for other programs: all of ours, except our own variables and what looks like a secret.

/** By name, because a browser and the scripts around it need variables that nobody can list. */
const SECRET_NAMES =
  /^MCP_OAUTH_BRIDGE_|SECRET|TOKEN|PASSW|PASSPHRASE|CREDENTIAL|API_?KEY|AUTHORIZATION|COOKIE|BEARER|(^|_)(KEY|PASS|PWD|DSN)$/i

/** PWD is the folder, not a password. */
const KEPT = new Set(['PWD', 'OLDPWD'])

export function childEnvironment(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(environment).filter(([name]) => KEPT.has(name) || !SECRET_NAMES.test(name)))
}
