// Bundles src/ into dist/: one small entry and chunks that load only when a command needs them.
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'rolldown'
import { jsonSchema } from './src/config/file/schema.ts'

interface Schema {
  description?: string
  readonly properties?: Readonly<Record<string, Schema>>
  readonly additionalProperties?: Schema
}

/** What an editor shows beside a key is what docs/configuration.md says of it: one text, in one place. */
function described(schema: Schema): Schema {
  const doc = readFileSync(new URL('docs/configuration.md', import.meta.url), 'utf8')
  let at: Schema | undefined = schema
  for (const line of doc.slice(doc.indexOf('\n## Keys'), doc.indexOf('\n## Several servers')).split('\n')) {
    const map = /^A key of `(\w+)\.<name>`:/.exec(line)?.[1]
    if (map !== undefined) at = schema.properties?.[map]?.additionalProperties
    const [keys = '', , preset = '', meaning = ''] = line.startsWith('| `') ? line.slice(2, -2).split(' | ') : []
    for (const [, key = ''] of keys.matchAll(/`([\w.<>]+)`/g)) {
      const found = key
        .split('.')
        .reduce<Schema | undefined>(
          (one, name) => (name === '<name>' ? one?.additionalProperties : one?.properties?.[name]),
          at,
        )
      if (found) found.description = `${plain(meaning)}. Default: ${plain(preset)}.`
    }
  }
  return schema
}

/** What `entry` imports statically, and what that imports, and so on: every start loads all of it. */
function staticImports(entry: string, found = new Set<string>()): Set<string> {
  if (found.has(entry)) return found
  found.add(entry)
  const code = readFileSync(entry, 'utf8').replace(/^import type [^;]*?from '[^']*'/gms, '')
  for (const [, specifier = ''] of code.matchAll(/^(?:import|export|\}) ?[^;]*?\bfrom '(\.[^']+)'/gm))
    staticImports(resolve(dirname(entry), specifier), found)
  return found
}

const source = (name: string) => fileURLToPath(new URL(`src/${name}`, import.meta.url))
const core = staticImports(source('cli/run.ts'))
/** What every run loads whose host speaks 2026. */
const modern = new Set(
  ['era/modernSide', 'otherEra', 'standIn/modern/modernStandIn', 'modern/modernConversation'].flatMap((name) => [
    ...staticImports(source(`bridge/${name}.ts`)),
  ]),
)

/** Markdown without its marks. */
const plain = (text: string) => text.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').replaceAll('`', '')

/** Every package that modules of the bundle come from: its folder, found by the modules' own paths. */
export function packagesOf(moduleIds: readonly string[]): string[] {
  const folders = moduleIds.flatMap(
    (id) => /^.*[\\/]node_modules[\\/](?:@[^\\/]+[\\/])?[^\\/]+(?=[\\/])/.exec(id.replace(/^\0/, ''))?.[0] ?? [],
  )
  return [...new Set(folders)].sort()
}

/** What a package has taken in itself, and says in no file. */
const INSIDE: Readonly<Record<string, readonly string[]>> = {
  undici: ['It holds llhttp, under the same MIT License: Copyright Fedor Indutny, 2018.'],
}

/** Packages that publish no license text, and the one of the same authors that does. */
const SAME_AUTHORS: Readonly<Record<string, string>> = { 'koa-compose': 'koa' }

/** The license in the README, or that of the same authors' other package. */
function withoutFile(folder: string, name: string): string[] {
  const readme = readdirSync(folder).find((file) => /^readme\.md$/i.test(file))
  const [text] =
    readme === undefined ? [] : (/^## license\n[\s\S]*/im.exec(readFileSync(join(folder, readme), 'utf8')) ?? [])
  if (text !== undefined && /copyright/i.test(text)) return [text.replace(/^.*\n/, '').trim()]
  const other = SAME_AUTHORS[name]
  return other === undefined ? [] : [readFileSync(join(dirname(folder), other, 'LICENSE'), 'utf8').trim()]
}

/** Name, version and the texts that a package wants to go along with its code; a package without one stops the build. */
export function noticeOf(folder: string): string {
  const { name, version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
  const files = readdirSync(folder).filter(
    (file) => /^(licen[cs]e|copying|notice)/i.test(file) && !/\.(c|m)?js$/.test(file),
  )
  const texts = files.sort().map((file) => readFileSync(join(folder, file), 'utf8').trim())
  if (texts.length === 0) texts.push(...withoutFile(folder, name))
  if (texts.length === 0) throw new Error(`${name} has no license text, and its code is in the bundle`)
  return [`${name} ${version} (${license})`, ...texts, ...(INSIDE[name] ?? [])].join('\n\n')
}

const RULE = `\n\n${'-'.repeat(80)}\n\n`
const NOTICES = 'The code in this folder holds parts of these packages, under the licenses that follow.'

/** In place of a plain `AsyncLocalStorage`. */
const ENDING_CONTEXTS = `
import { EndingStorage } from ${JSON.stringify(source('store/postgres/endingStorage.ts'))}

const contexts = new EndingStorage()
export default {
  getStore: () => contexts.getStore(),
  run: (context, handle) => contexts.runToEnd(context, handle),
}
`

export default defineConfig({
  input: {
    run: 'src/cli/run.ts',
    compileCache: 'src/cli/compileCache.ts',
    keychainWorker: 'src/system/keychain/worker.ts',
  },
  platform: 'node',
  // jsonc-parser's "main" loads its parts by names that no bundler sees; its "module" does not.
  resolve: { mainFields: ['module', 'main'] },
  external: ['better-sqlite3', '@napi-rs/keyring', /^node:/],
  plugins: [
    {
      // HTTP/2 is off (bench/README.md): without this file a start does not load node:http2.
      name: 'no HTTP/2',
      load: { filter: { id: /undici\/lib\/dispatcher\/client-h2\.js$/ }, handler: () => 'module.exports = undefined' },
    },
    {
      // Under NODE_DEBUG=* it would print every URL with its query, which may hold a key.
      name: 'no debug output of undici',
      transform: {
        filter: { id: /undici\/lib\/core\/diagnostics\.js$/ },
        handler: (code) => code.replace(/util\.debuglog\('\w+'\)/g, '{ enabled: false }'),
      },
    },
    {
      // It makes functions out of text, to say that one is deprecated. Its own version for browsers does nothing.
      name: 'no deprecations of koa',
      load: {
        filter: { id: /node_modules\/depd\/index\.js$/ },
        handler: (id) => readFileSync(join(dirname(id), 'lib/browser/index.js'), 'utf8'),
      },
    },
    {
      // It writes past our log, at the first line of its code already. What concerns an operator, serve says.
      name: 'no words of oidc-provider',
      load: {
        filter: { id: /node_modules\/oidc-provider\/lib\/helpers\/attention\.js$/ },
        handler: () => 'export const info = () => undefined\nexport const warn = () => undefined',
      },
    },
    {
      // Calls to MCP servers have none.
      name: 'contexts of oidc-provider end',
      load: { filter: { id: /node_modules\/oidc-provider\/lib\/helpers\/als\.js$/ }, handler: () => ENDING_CONTEXTS },
    },
    {
      // Under DEBUG, which is ours too, it would write lines past our log, with whatever the engine knows of a request.
      name: 'no words of debug',
      load: {
        filter: { id: /node_modules\/debug\/src\/index\.js$/ },
        handler: () => 'module.exports = () => Object.assign(() => undefined, { enabled: false })',
      },
    },
    {
      name: 'no debug output of koa',
      transform: {
        filter: { id: /node_modules\/koa\/lib\/application\.js$/ },
        handler: (code) => code.replace(/util\.debuglog\('[\w:]+'\)/, '() => undefined'),
      },
    },
    {
      // The optional driver in C would be looked for in the folders above dist/.
      name: 'no native driver of pg',
      load: {
        filter: { id: /node_modules\/pg\/lib\/native\/index\.js$/ },
        handler: () => "module.exports = require('../client')",
      },
    },
    {
      name: 'notices',
      generateBundle(_options, bundle) {
        const modules = Object.values(bundle).flatMap((chunk) => (chunk.type === 'chunk' ? chunk.moduleIds : []))
        const source = `${[NOTICES, ...packagesOf(modules).map(noticeOf)].join(RULE)}\n`
        this.emitFile({ type: 'asset', fileName: 'THIRD-PARTY-NOTICES.txt', source })
      },
    },
    {
      name: 'schema for editors',
      generateBundle() {
        const source = `${JSON.stringify(described(jsonSchema() as Schema), null, 2)}\n`
        this.emitFile({ type: 'asset', fileName: 'config.schema.json', source })
      },
    },
  ],
  output: {
    dir: 'dist',
    format: 'esm',
    cleanDir: true,
    entryFileNames: '[name].js',
    chunkFileNames: '[name]-[hash].js',
    // The engine of the gateway tells its models apart by the names of their classes.
    keepNames: true,
    // What every start loads lies in one file, though rarer files share it.
    codeSplitting: {
      groups: [
        { name: 'keychain', test: /\/src\/system\/keychain\/entry\.ts$/, priority: 1 },
        { name: 'core', test: (id) => core.has(id) },
        { name: 'modern', test: (id) => modern.has(id) && !core.has(id) },
      ],
    },
    minify: { compress: true, mangle: false, codegen: { removeWhitespace: false } },
  },
})
