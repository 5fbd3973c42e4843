// Before any test: the program is built, and what a machine lacks is said once (in CI it is a failure).
import { existsSync } from 'node:fs'
import { missing } from './needs.ts'

export default function setup(): void {
  // Config files that the tests write must be ours alone, as those of a person.
  process.umask(0o022)
  for (const built of ['../dist/run.js', './.kit/stage.js'])
    if (!existsSync(new URL(built, import.meta.url))) throw new Error(`${built} is missing: run "npm run build" first.`)
  const lacking = missing()
  if (lacking.length === 0) return
  const message = `Debian packages for some tests are missing: apt-get install ${lacking.join(' ')}`
  if (process.env.CI) throw new Error(message)
  process.stderr.write(`${message}\nThose tests are skipped on this machine.\n`)
}
