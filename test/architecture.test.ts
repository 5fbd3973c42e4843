// The house as docs/architecture.md draws it: import arrows, one package – one file, sizes, and what a quiet bridge loads.
import { execFile } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type OutputOptions, rolldown } from 'rolldown'
import { parseSync, Visitor } from 'rolldown/utils'
import { expect, test } from 'vitest'
import config from '../rolldown.config.ts'
import { withTree } from '../scripts/tree.js'
import { startHost } from './servers/host.ts'
import { startModernServer } from './servers/modernServers.ts'
import { startStage } from './servers/stage.ts'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const SOURCES = readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts') && !name.endsWith('.d.ts'))
  .map((name) => ({ name, text: readFileSync(join(ROOT, 'src', name), 'utf8') }))

/** Module specifiers of imports, dynamic imports and requires; `import type` does not count. */
function importsOf(text: string): string[] {
  const code = text.replace(/^import type [^;]*?from '[^']*'/gms, '')
  const patterns = [
    /\bfrom '([^']+)'/g,
    /\bimport\('([^']+)'\)/g,
    /\b(?:require|createRequire\(import\.meta\.url\))\('([^']+)'\)/g,
  ]
  return patterns.flatMap((pattern) => [...code.matchAll(pattern)].map(([, found]) => found ?? ''))
}

const room = (name: string) => (name.includes('/') ? (name.split('/')[0] ?? '') : name)

/** The folder of a file below its room; '.' is the room's own floor. */
const floor = (name: string) => dirname(name).split('/')[1] ?? '.'

/** Who may know whom; every room may know the leaves. */
const ARROWS: Readonly<Record<string, readonly string[]>> = {
  cli: ['compose', 'config', 'bridge', 'auth', 'signin', 'hosts', 'store', 'system', 'doctor'],
  compose: ['config', 'bridge', 'auth', 'signin', 'store', 'system', 'gateway'],
  doctor: ['config', 'bridge', 'auth', 'store', 'system'],
  config: [],
  bridge: [],
  gateway: [],
  signin: ['auth'],
  auth: [],
  hosts: ['config'],
  store: [],
  system: [],
  redaction: [],
  disk: [],
}
const LEAVES = [
  'ports.ts',
  'eraMemory.ts',
  'records.ts',
  'errors.ts',
  'redaction',
  'secureUrl.ts',
  'shellQuote.ts',
  'memoizeAsync.ts',
  'bounds.ts',
  'providerRules.ts',
  'present.ts',
  'disk',
  'mcp',
  'bareHost.ts',
  'glob.ts',
  'sha256.ts',
  'ownCommand.ts',
]

/** Who may know whom inside a room; a floor always knows itself. A room that is not here has one floor. */
const FLOORS: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  auth: {
    '.': ['oauth'],
    grants: ['.', 'client', 'discovery', 'oauth', 'tokens'],
    client: ['discovery', 'oauth'],
    oauth: ['discovery', 'tokens'],
    tokens: ['discovery'],
    discovery: [],
  },
  bridge: {
    '.': ['era', 'legacy', 'modern', 'translation', 'http', 'session', 'message'],
    standIn: ['era', 'translation', 'message'],
    translation: ['era', 'legacy', 'modern', 'http', 'message'],
    legacy: ['http', 'session', 'message'],
    modern: ['era', 'http', 'message'],
    era: ['http', 'message'],
    http: ['session', 'message'],
    session: ['message'],
    host: ['message'],
    message: [],
  },
  cli: { '.': ['commands', 'words', 'terminal'], commands: ['words', 'terminal'], words: ['terminal'], terminal: [] },
  config: { '.': ['file'], serve: ['.', 'file'], file: [] },
  doctor: { '.': ['checks', 'report'], checks: ['report'], report: [] },
  gateway: {
    '.': ['http', 'authorization', 'signin', 'proxy'],
    http: [],
    authorization: ['http'],
    signin: ['http'],
    proxy: ['http'],
  },
  hosts: { '.': ['format'], format: [] },
  signin: { '.': ['methods', 'attempt'], methods: ['attempt'], attempt: [] },
  store: {
    '.': ['sealing', 'sqlite', 'postgres', 'values'],
    gateway: ['.', 'sealing', 'values'],
    sealing: ['sqlite', 'values'],
    sqlite: ['migrations', 'values'],
    postgres: ['migrations', 'values'],
    migrations: [],
    values: [],
  },
  system: {
    '.': [],
    callback: ['process'],
    keychain: ['files', 'process'],
    log: ['files'],
    person: ['process'],
    http: [],
    process: [],
    files: [],
  },
}

/** Every import of a file of src/ by another one, both named from src/. */
const IMPORTS = SOURCES.flatMap(({ name, text }) =>
  importsOf(text)
    .filter((specifier) => specifier.startsWith('.'))
    .map((specifier) => ({
      name,
      target: relative(join(ROOT, 'src'), resolve(ROOT, 'src', dirname(name), specifier)),
    })),
)

test('imports follow the arrows of the architecture', () => {
  const wrong = IMPORTS.filter(
    ({ name, target }) =>
      !LEAVES.includes(room(target)) && room(name) !== room(target) && !ARROWS[room(name)]?.includes(room(target)),
  )
  expect(wrong).toEqual([])
})

test('a sign-in imports only auth and the leaves, types included', () => {
  const known = SOURCES.filter(({ name }) => room(name) === 'signin').flatMap(({ name, text }) =>
    [...text.matchAll(/\bfrom '(\.[^']+)'/g)].map(([, path = '']) => room(join(dirname(name), path))),
  )
  const allowed = new Set([...LEAVES, 'signin', 'auth'])
  expect(known).toContain('auth')
  expect(known.filter((found) => !allowed.has(found))).toEqual([])
})

test('only the store contains SQL', () => {
  const guilty = SOURCES.filter(
    ({ name, text }) =>
      room(name) !== 'store' && /['"`](SELECT .* FROM|INSERT |UPDATE .* SET|DELETE FROM|PRAGMA )/.test(text),
  )
  expect(guilty.map(({ name }) => name)).toEqual([])
})

test('imports inside a room point to lower floors only', () => {
  const wrong = IMPORTS.filter(
    ({ name, target }) =>
      room(name) === room(target) &&
      floor(name) !== floor(target) &&
      !FLOORS[room(name)]?.[floor(name)]?.includes(floor(target)),
  )
  expect(wrong).toEqual([])
})

test('no file imports itself through other files', () => {
  const targets = new Map(
    SOURCES.map(({ name }) => [name, IMPORTS.filter((one) => one.name === name).map((one) => one.target)]),
  )
  const done = new Set<string>()
  const circles: string[] = []
  const walk = (name: string, path: readonly string[]) => {
    if (path.includes(name)) circles.push([...path.slice(path.indexOf(name)), name].join(' → '))
    if (path.includes(name) || done.has(name)) return
    for (const target of targets.get(name) ?? []) walk(target, [...path, name])
    done.add(name)
  }
  for (const { name } of SOURCES) walk(name, [])
  expect(circles).toEqual([])
})

test('no folder has more than fourteen files', () => {
  const files = new Map<string, number>()
  for (const { name } of SOURCES) files.set(dirname(name), (files.get(dirname(name)) ?? 0) + 1)
  expect([...files].filter(([, count]) => count > 14)).toEqual([])
})

test('the tree in docs/architecture.md matches src/', () => {
  const page = readFileSync(join(ROOT, 'docs/architecture.md'), 'utf8')
  expect(page, 'run node scripts/tree.js').toBe(withTree(page))
})

test('each walk names at most twelve files, all of which exist, and does not return to a room it has left', () => {
  const page = readFileSync(join(ROOT, 'docs/architecture.md'), 'utf8')
  const sections = page.split(/^#+ /m).filter((part) => /^\([a-z]\)/.test(part))
  const tables = sections.map((section) =>
    section.split(/^\| # \| File .*\n.*\n/m).flatMap((text, index) => (index === 0 ? [] : [stepsOf(text)])),
  )
  expect(tables.length).toBe(6)
  expect(tables.filter((walks) => walks.length === 0)).toEqual([])
  const names = SOURCES.map(({ name }) => name)
  for (const walk of tables.flat()) {
    expect(walk.filter((file) => !names.includes(file))).toEqual([])
    expect(walk.length).toBeGreaterThan(2)
    expect(walk.length).toBeLessThanOrEqual(12)
    const entered = walk.map(room).filter((name, index, rooms) => name !== rooms[index - 1])
    expect(entered).toEqual([...new Set(entered)])
  }
})

/** The files of a walk, which the second column of its table names; a row with none stands for itself, so that it is found. */
const stepsOf = (text: string): string[] =>
  (/^(?:\|.*\n)*/.exec(text)?.[0] ?? '').split('\n').flatMap((row) => {
    if (row === '') return []
    const files = [...(row.split('|')[2] ?? '').matchAll(/`([^`]+)`/g)].map(([, file = '']) => file)
    return files.length === 0 ? [row] : files
  })

test.each(['ports.ts', 'records.ts'])('%s imports nothing, so that every room can depend on it', (leaf) => {
  expect(importsOf(SOURCES.find(({ name }) => name === leaf)?.text ?? "from 'missing'")).toEqual([])
})

test('each package is imported by one file', () => {
  const users = new Map<string, Set<string>>()
  const programs = readdirSync(join(ROOT, 'bin')).map((name) => ({
    name: `bin/${name}`,
    text: readFileSync(join(ROOT, 'bin', name), 'utf8'),
  }))
  for (const { name, text } of [...SOURCES, ...programs]) {
    for (const specifier of importsOf(text).filter((found) => !found.startsWith('.') && !found.startsWith('node:'))) {
      const pack = specifier
        .split('/')
        .slice(0, specifier.startsWith('@') ? 2 : 1)
        .join('/')
      users.set(pack, (users.get(pack) ?? new Set()).add(name))
    }
  }
  // zod describes the schema, which another file reads with yaml; the sets name every package there is.
  expect(Object.fromEntries([...users].map(([pack, names]) => [pack, [...names]]))).toEqual({
    '@napi-rs/keyring': ['system/keychain/entry.ts'],
    'better-sqlite3': ['store/sqlite/driver.ts'],
    jose: ['doctor/report/jwt.ts'],
    'jsonc-parser': ['hosts/format/jsonText.ts'],
    'shell-quote': ['hosts/remoteCommand.ts'],
    oauth4webapi: ['auth/client/registration.ts'],
    'oidc-provider': ['gateway/authorization/engine.ts'],
    'openid-client': ['auth/oauth/client.ts'],
    pg: ['store/postgres/postgres.ts'],
    undici: ['system/http/connections.ts'],
    uqr: ['system/person/qrCode.ts'],
    'smol-toml': ['hosts/format/tomlText.ts'],
    yaml: ['config/file/yamlText.ts'],
    zod: ['config/file/schema.ts'],
  })
})

test('only bin uses the process’s own streams, arguments and exit', () => {
  const guilty = SOURCES.filter(({ text }) => /process\.(stdin|stdout|stderr|argv|exit)\b/.test(text)).map(
    ({ name }) => name,
  )
  // A program of its own, which the keychain commands start.
  expect(guilty).toEqual(['system/keychain/worker.ts'])
})

test('no signal is made by AbortSignal.any: on Node 20, signals that live long keep each one that was made of them', () => {
  const guilty = SOURCES.filter(({ text }) => /AbortSignal\.any\(/.test(text))
  expect(guilty.map(({ name }) => name)).toEqual([])
})

test('every foreign program gets an environment without our secrets and no shell', () => {
  const starts = SOURCES.filter(({ text }) => importsOf(text).includes('node:child_process'))
  // The login process is ourselves; browser.ts cleans by name, lsof gets nothing; a key command gets what is not ours.
  expect(starts.map(({ name }) => name).sort()).toEqual([
    'system/keychain/childProcess.ts',
    'system/keychain/keyCommand.ts',
    'system/person/browser.ts',
    'system/process/loginLauncher.ts',
    'system/process/portOwner.ts',
  ])
  expect(
    starts
      .filter(({ text }) => /shell: true|\{[^}]*\b(exec|execSync)\b[^}]*\} from 'node:child_process'/.test(text))
      .map(({ name }) => name),
  ).toEqual([])
  const cleaned = starts
    .filter(({ text }) => /\benv: (childEnvironment\(|withoutOwnVariables\(|\{\})/.test(text))
    .map(({ name }) => name)
  expect(cleaned.sort()).toEqual([
    'system/keychain/childProcess.ts',
    'system/keychain/keyCommand.ts',
    'system/person/browser.ts',
    'system/process/portOwner.ts',
  ])
})

test('no source file is over 250 lines, and the median is at most 80', () => {
  const sizes = SOURCES.map(({ name, text }) => ({ name, lines: text.split('\n').length - 1 })).sort(
    (a, b) => a.lines - b.lines,
  )
  expect(sizes.filter(({ lines }) => lines > 250)).toEqual([])
  expect(sizes[Math.floor(sizes.length / 2)]?.lines).toBeLessThanOrEqual(80)
})

/** Functions of more than `most` lines, wherever they stand, by file and first line. */
function longFunctions(name: string, text: string, most: number): string[] {
  const lines = (from: number, to: number) => text.slice(from, to).split('\n').length
  const long: string[] = []
  const measure = ({ start, end }: { readonly start: number; readonly end: number }) => {
    if (lines(start, end) > most) long.push(`${name}:${lines(0, start)}`)
  }
  const visitor = { FunctionDeclaration: measure, FunctionExpression: measure, ArrowFunctionExpression: measure }
  new Visitor(visitor).visit(parseSync(name, text).program)
  return long
}

test('no function is over 100 lines', () => {
  const ofLines = (count: number) => `const f = {\n  g(\n    a: string,\n  ) {\n${'    a\n'.repeat(count - 4)}  },\n}\n`
  expect(longFunctions('x.ts', ofLines(101), 100)).toEqual(['x.ts:2'])
  expect(longFunctions('x.ts', ofLines(100), 100)).toEqual([])
  expect(SOURCES.flatMap(({ name, text }) => longFunctions(name, text, 100))).toEqual([])
})

test('every source file states its purpose in its first line', () => {
  expect(SOURCES.filter(({ text }) => !/^\/\/ .{12}/.test(text)).map(({ name }) => name)).toEqual([])
})

interface Locked {
  readonly version?: string
  readonly integrity?: string
  readonly resolved?: string
  readonly hasInstallScript?: boolean
  readonly dev?: boolean
  readonly optional?: boolean
}

test('an install runs no script of ours, and what else it installs is locked, checked and few enough to review', () => {
  const { scripts, dependencies, optionalDependencies } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
  expect(Object.keys(scripts).filter((name) => /^(pre|post)?(install|uninstall)$/.test(name))).toEqual([])
  // A machine where one of them cannot be installed still gets a program that starts.
  expect(dependencies).toBeUndefined()
  expect(Object.keys(optionalDependencies)).toEqual(['@napi-rs/keyring', 'better-sqlite3'])
  const { packages } = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8'))
  const locked = Object.entries<Locked>(packages).filter(([path]) => path !== '')
  expect(locked.length).toBeGreaterThan(2)
  const unchecked = locked.filter(([, { integrity = '' }]) => !/^sha512-/.test(integrity))
  const foreign = locked.filter(([, { resolved }]) => resolved !== undefined)
  expect([unchecked, foreign].map((found) => found.map(([path]) => path))).toEqual([[], []])
  const shipped = locked.filter(([, { dev }]) => dev !== true)
  // better-sqlite3 fetches or builds its driver; without it the driver of Node is used.
  expect(shipped.filter(([, { hasInstallScript }]) => hasInstallScript).map(([path]) => path)).toEqual([
    'node_modules/better-sqlite3',
  ])
  expect(shipped.length).toBeLessThanOrEqual(60)
})

/** What a bridge that signs in nobody has no use for. */
const LAZY = [
  'openid-client',
  'oauth4webapi',
  'jose',
  'zod',
  'yaml',
  'jsonc-parser',
  'smol-toml',
  'src/system/person/browser.ts',
  'src/system/person/desktop.ts',
  'src/system/callback/server.ts',
  'src/system/http/tunnel.ts',
  'src/system/http/caCertificates.ts',
  'src/auth/grants/authorizationCode.ts',
  'src/auth/discovery/protectedResource.ts',
  'src/doctor/examine.ts',
  'src/bridge/era/ask.ts',
  'src/bridge/era/discover.ts',
  'src/bridge/era/handshakeHealing.ts',
  'src/bridge/era/holding.ts',
  'src/bridge/era/modernSide.ts',
  'src/bridge/message/splice.ts',
  'src/bridge/modern/modernConversation.ts',
  'src/bridge/modern/modernExchange.ts',
  'src/bridge/modern/paramHeaders.ts',
  'src/bridge/otherEra.ts',
  'src/bridge/standIn/answers.ts',
  'src/bridge/standIn/inPlace.ts',
  'src/bridge/standIn/modern/modernStandIn.ts',
  'src/bridge/standIn/progress.ts',
  'src/bridge/translation/describe.ts',
  'src/bridge/translation/lists.ts',
  'src/bridge/translation/output.ts',
  'src/bridge/translation/toLegacy/toLegacy.ts',
  'src/bridge/translation/toModern/toModern.ts',
]

/** What belongs to the HTTP gateway alone. */
const OF_GATEWAY =
  /\/src\/(gateway|cli\/commands\/gateway|config\/serve|store\/(gateway|postgres))\/|\/node_modules\/(oidc-provider|koa|pg(-\w+)?)\//

/** What a host of 2026 has no use for as long as its server speaks 2026 too. */
const TRANSLATION = LAZY.filter((name) => name.startsWith('src/bridge/translation/'))

/** Chunk of dist/ → which of LAZY it holds, as the bundler itself tells. */
async function lazyChunks(): Promise<Map<string, string[]>> {
  const bundle = await rolldown(config)
  const { output } = await bundle.generate(config.output as OutputOptions)
  await bundle.close()
  const holds = (modules: string[], what: string) =>
    modules.some((id) => id.includes(what.startsWith('src/') ? `/${what}` : `/node_modules/${what}/`))
  return new Map(
    output.flatMap((chunk) => {
      if (chunk.type !== 'chunk') return []
      const { fileName, moduleIds } = chunk
      const held = LAZY.filter((what) => holds(moduleIds, what))
      return [[fileName, [...held, ...moduleIds.filter((id) => OF_GATEWAY.test(id))]] as const]
    }),
  )
}

/** A loader hook that writes down every module that a process loads. */
function noteLoads(folder: string) {
  const list = join(folder, 'loaded')
  const hook = `import { appendFileSync } from 'node:fs'
      export async function load(url, context, next) { appendFileSync(${JSON.stringify(list)}, url + '\\n'); return next(url, context) }`
  writeFileSync(join(folder, 'hook.mjs'), hook)
  writeFileSync(
    join(folder, 'register.mjs'),
    `import { register } from 'node:module'; register('./hook.mjs', import.meta.url)`,
  )
  return { list, registered: { NODE_OPTIONS: `--import=file://${join(folder, 'register.mjs')}` } }
}

const namesIn = (list: string) =>
  readFileSync(list, 'utf8')
    .split('\n')
    .map((url) => url.split('/').at(-1))

test.each([
  ['a URL', (url: string, callback: string) => ({ args: [url, '--callback-url', callback], config: undefined })],
  [
    'a config file that it has read before',
    (url: string, callback: string) => ({
      args: ['work'],
      config: `servers: { work: { url: "${url}", headers: { X-Team: "\${TEAM}" } } }\ncallback_url: ${callback}\n`,
    }),
  ],
])(
  'a bridge whose token is valid, started with %s, loads no openid-client, jose, zod, yaml, open, jsonc-parser, callback server or gateway',
  async (_, given) => {
    const folder = mkdtempSync(join(tmpdir(), 'mcp-oauth-bridge-loads-'))
    const stage = await startStage()
    try {
      const { args, config } = given(stage.server.url, stage.callbackUrl)
      const environment = {
        ...stage.environment,
        TEAM: 'core',
        ...(config === undefined ? {} : { CONFIG_PATH: stage.config(config) }),
      }
      const first = startHost(args, environment)
      await first.initialize()
      await first.close()
      const { list, registered } = noteLoads(folder)
      const host = startHost(args, { ...environment, ...registered })
      expect(await host.isMet()).toBe(true)
      expect((await host.request('tools/list')).result).toBeDefined()
      await host.close()
      expect(stage.server.state.passed.at(-1)?.headers['x-team']).toBe(config === undefined ? undefined : 'core')
      const loaded = namesIn(list)
      const chunks = await lazyChunks()
      expect(loaded).toContain('run.js')
      expect(loaded.filter((name) => name !== undefined && chunks.has(name)).length).toBeGreaterThan(1)
      // Every one is in some chunk, or this test would prove nothing.
      const everywhere = new Set([...chunks.values()].flat())
      expect(LAZY.filter((what) => !everywhere.has(what))).toEqual([])
      expect([...everywhere].filter((what) => OF_GATEWAY.test(what)).length).toBeGreaterThan(3)
      expect([...chunks].filter(([name, held]) => loaded.includes(name) && held.length > 0)).toEqual([])
    } finally {
      await stage.close()
      rmSync(folder, { recursive: true, force: true })
    }
  },
)

test('a bridge between a host and a server of 2026 loads no translation', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'mcp-oauth-bridge-loads-'))
  const stage = await startStage()
  const server = await startModernServer('modern')
  try {
    const { list, registered } = noteLoads(folder)
    const host = stage.hostOf(server.url, [], registered)
    const meta = {
      'io.modelcontextprotocol/protocolVersion': '2026-07-28',
      'io.modelcontextprotocol/clientCapabilities': {},
    }
    const call = { name: 'echo', arguments: { message: 'in' }, _meta: meta }
    expect((await host.request('tools/list', { _meta: meta })).result.resultType).toBe('complete')
    expect((await host.request('tools/call', call)).result.content).toEqual([{ type: 'text', text: 'in' }])
    await host.close()
    const loaded = namesIn(list)
    const chunks = await lazyChunks()
    const held = [...chunks].filter(([name]) => loaded.includes(name)).flatMap(([, names]) => names)
    expect(held).toContain('src/bridge/modern/modernConversation.ts')
    expect(held.filter((name) => TRANSLATION.includes(name))).toEqual([])
  } finally {
    await stage.close()
    await server.close()
    rmSync(folder, { recursive: true, force: true })
  }
})

test('the command line starts without loading a room it does not need', async () => {
  const printed = await new Promise<string>((resolve) => {
    execFile(process.execPath, [join(ROOT, 'bin/mcp-oauth-bridge.js'), '--version'], (_error, stdout) =>
      resolve(stdout),
    )
  })
  expect(printed.trim()).toBe(JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')).version)
})
