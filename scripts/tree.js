// The tree in docs/architecture.md: every file of src/ with the first line it begins with. `node scripts/tree.js` writes it.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const PAGE = join(ROOT, 'docs', 'architecture.md')
const BEGIN = '<!-- tree: made by node scripts/tree.js -->'
const END = '<!-- end of tree -->'

/** Column at which what a file is for begins. */
const COLUMN = 36

/** @param {string} folder @param {number} depth @returns {string[]} */
function linesOf(folder, depth) {
  const entries = readdirSync(folder, { withFileTypes: true }).sort((a, b) => a.name.localeCompare(b.name, 'en'))
  const indent = '  '.repeat(depth)
  const files = entries.filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
  const folders = entries.filter((entry) => entry.isDirectory())
  return [
    ...files.map(({ name }) => `${indent}${name}`.padEnd(COLUMN) + purposeOf(join(folder, name))),
    ...folders.flatMap(({ name }) => [`${indent}${name}/`, ...linesOf(join(folder, name), depth + 1)]),
  ]
}

/** The comment that a file begins with, up to the end of its first sentence. */
function purposeOf(/** @type {string} */ file) {
  const comment = /^(?:\/\/ .*\n)+/.exec(readFileSync(file, 'utf8'))?.[0] ?? ''
  const text = comment
    .replace(/^\/\/ /gm, '')
    .replaceAll('\n', ' ')
    .trim()
  return (/^.*?\.(?= |$)/.exec(text)?.[0] ?? text).replace(/\.$/, '')
}

/** The page with its tree as it should be. @param {string} page */
export function withTree(page) {
  const [before, rest = ''] = page.split(BEGIN)
  const [, after = ''] = rest.split(END)
  const tree = ['```', 'src/', ...linesOf(join(ROOT, 'src'), 1), '```'].join('\n')
  return `${before}${BEGIN}\n${tree}\n${END}${after}`
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href)
  writeFileSync(PAGE, withTree(readFileSync(PAGE, 'utf8')))
