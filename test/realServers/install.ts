// Installs the real servers beside this file, once for each state of their lock: they take a quarter of a gigabyte.
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const FOLDER = fileURLToPath(new URL('.', import.meta.url))
const LOCK = `${FOLDER}package-lock.json`
/** The lock of what is installed. */
const INSTALLED = `${FOLDER}node_modules/.installed.json`

export default function installServers(): void {
  const lock = readFileSync(LOCK, 'utf8')
  if (existsSync(INSTALLED) && readFileSync(INSTALLED, 'utf8') === lock) return
  // No script of a package runs, and better-auth 1.4 stands beside 1.7, whose peers it would not have.
  const words = ['ci', '--ignore-scripts', '--legacy-peer-deps', '--no-audit', '--no-fund', '--loglevel=error']
  execFileSync('npm', words, { cwd: FOLDER, stdio: ['ignore', 'ignore', 'inherit'] })
  writeFileSync(INSTALLED, lock)
}
