// Whether this package may be published: under the one name that package.json chooses for it, which is free or the publisher's own.
import { execFile } from 'node:child_process'
import { readFileSync, realpathSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** Runs npm, which knows its registry and who is signed in there. @returns {Promise<{ code: number, stdout: string, stderr: string }>} */
function npm(/** @type {string[]} */ ...words) {
  return new Promise((resolve) => {
    execFile('npm', words, { timeout: 60_000, shell: process.platform === 'win32' }, (error, stdout, stderr) =>
      resolve({ code: error ? Number(error.code) || 1 : 0, stdout, stderr }),
    )
  })
}

/** Names of package.json as the registry takes new ones; it goes into a command line, too. */
const NAME = /^(@[a-z0-9][a-z0-9._-]*\/)?[a-z0-9][a-z0-9._-]*$/

/** @returns {Promise<string>} the name @throws Error with the reason why not */
export async function publishable(/** @type {unknown} */ name, run = npm) {
  if (name === null || name === undefined || name === '')
    throw new Error('publishName in package.json is not chosen yet; the owner writes it there, with a scope of theirs.')
  if (typeof name !== 'string' || !NAME.test(name))
    throw new Error(`publishName ${JSON.stringify(name)} is not a name.`)
  const who = await run('whoami')
  if (who.code !== 0) throw new Error('npm does not say who publishes: sign in, or give it a token.')
  const known = await run('view', name, 'name', '--json')
  if (known.code !== 0) {
    // Only a registry that says so has nothing under this name; whatever else failed tells nothing.
    if (/\bE404\b/.test(known.stdout + known.stderr)) return name
    throw new Error(`the registry does not say whether ${name} is free.`)
  }
  const owners = await run('owner', 'ls', name)
  if (owners.code !== 0) throw new Error(`the registry does not say whose ${name} is.`)
  const names = owners.stdout.split('\n').map((line) => line.split(' ')[0])
  if (names.includes(who.stdout.trim())) return name
  throw new Error(`${name} is somebody else’s on the registry.`)
}

if (realpathSync(process.argv[1] ?? '') === fileURLToPath(import.meta.url)) {
  const { publishName } = JSON.parse(readFileSync(process.argv[2] ?? 'package.json', 'utf8'))
  await publishable(publishName).then(
    (name) => void process.stdout.write(`${name}\n`),
    ({ message }) => {
      process.stderr.write(`not published: ${message}\n`)
      process.exitCode = 1
    },
  )
}
