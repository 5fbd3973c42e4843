// What the demos need built, and how they speak: numbered lines
import { spawnSync } from 'node:child_process'
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { styleText } from 'node:util'

/** Ends with 2 at a word that no demo knows. @returns whether the person's own browser is to be used */
export function ownBrowserWanted() {
  const unknown = process.argv.slice(2).find((word) => word !== '--open')
  if (unknown === undefined) return process.argv.includes('--open')
  console.error(`error: unknown option ${JSON.stringify(unknown)}; the demo knows --open`)
  process.exit(2)
}

/** @type {(style: 'bold' | 'cyan' | 'dim' | 'green', text: string) => string} */
export const colour = (style, text) => (process.stdout.isTTY && !process.env.NO_COLOR ? styleText(style, text) : text)
let step = 0
export const say = (/** @type {string} */ text) => console.log(`${colour('cyan', String(++step).padStart(2))}  ${text}`)
export const also = (/** @type {string} */ text) => console.log(`    ${colour('dim', text)}`)

/** Builds what is missing or older than its source, without the bundler's output. */
export function build() {
  bundle('src', 'dist/run.js', [])
  bundle('test/servers', 'test/.kit/stage.js', ['test/servers/rolldown.config.ts'])
}

/** A program of the tests, built. @type {(name: string) => Promise<any>} */
export const fromKit = (name) => import(new URL(`../test/.kit/${name}.js`, import.meta.url).href)

/** @type {(folder: string, built: string, config: string[]) => void} */
function bundle(folder, built, config) {
  const root = fileURLToPath(new URL('..', import.meta.url))
  const changed = (/** @type {string} */ file) => statSync(join(root, file), { throwIfNoEntry: false })?.mtimeMs ?? 0
  const names = readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
  if (names.every((name) => changed(join(folder, name)) < changed(built))) return
  const rolldown = fileURLToPath(new URL('bin/cli.mjs', import.meta.resolve('rolldown/package.json')))
  const { status, stderr } = spawnSync(process.execPath, [rolldown, '-c', ...config], { cwd: root, encoding: 'utf8' })
  if (status === 0) return
  console.error(stderr)
  process.exit(1)
}
