// What the documents say is true: the example config is valid and complete, the README runs, every error code is explained.
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Ajv } from 'ajv'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { OPTIONS, parseCommandLine } from '../src/cli/words/args.ts'
import { parseConfigFile } from '../src/config/file/read.ts'
import { keysAt } from '../src/config/file/schema.ts'
import { ERRORS } from '../src/errors.ts'
import { startHost } from './servers/host.ts'
import { startStage } from './servers/stage.ts'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const read = (name: string) => readFileSync(join(ROOT, name), 'utf8')

test('config.example.yaml is valid as it stands', () => {
  // Its text: who owns a checkout, and with which rights, is another matter.
  const text = read('config.example.yaml')
  expect(() => parseConfigFile(text, 'config.example.yaml', { GOOGLE_SECRET: 'x' })).not.toThrow()
})

/** The schema that editors get, as it is shipped. */
const editorSchema = new Ajv({ strict: false }).compile(JSON.parse(read('dist/config.schema.json')))

test('the schema for editors accepts the example as it stands, and with every setting that is commented out', () => {
  const text = read('config.example.yaml')
  expect(text.split('\n')[0]).toBe('# yaml-language-server: $schema=./dist/config.schema.json')
  for (const shown of [text, text.replace(/^(\s*)#(?=\S)/gm, '$1')]) {
    editorSchema(parse(shown))
    expect(editorSchema.errors).toBeNull()
  }
})

test('the schema for editors describes every key as docs/configuration.md does', () => {
  interface Node {
    readonly description?: string
    readonly properties?: Readonly<Record<string, Node>>
    readonly additionalProperties?: Node | boolean
  }
  const texts: [string, string | undefined][] = []
  const walk = (node: Node, path: string) => {
    for (const [key, child] of Object.entries(node.properties ?? {})) {
      if (!child.properties) texts.push([path + key, child.description])
      walk(child, `${path}${key}.`)
    }
    if (typeof node.additionalProperties === 'object') walk(node.additionalProperties, `${path}*.`)
  }
  walk(JSON.parse(read('dist/config.schema.json')), '')
  expect(texts.length).toBeGreaterThan(50)
  expect(texts.filter(([, text]) => text === undefined)).toEqual([])
  expect(Object.fromEntries(texts)['servers.*.ca_file']).toBe(
    'certificate authorities for this server, in addition to the general ca_file. Default: unset.',
  )
})

test.each([
  'log_levle: debug',
  'servers: { a: {} }',
  'session_timeout: soon',
  'providers: { g: { pkce_enabled: false } }',
])('the schema for editors refuses %s', (text) => {
  expect(editorSchema(parse(text))).toBe(false)
})

/** Maps below `serve`. */
const SERVE = ['tls', 'access', 'clients', 'tokens', 'limits']

test('config.example.yaml shows every key of the schema', () => {
  const text = read('config.example.yaml')
  const nested = [
    ['login'],
    ['limits'],
    ['header_forwarding'],
    ['response_transform'],
    ['cors'],
    ['serve'],
    ...SERVE.map((map) => ['serve', map]),
    ['servers', 'x'],
    ['providers', 'x'],
  ]
  const keys = [...keysAt([]), ...nested.flatMap((path) => keysAt(path))]
  expect(keys.length).toBeGreaterThan(30)
  expect(keys.filter((key) => !new RegExp(`^\\s*#?\\s*(- )?${key}:`, 'm').test(text))).toEqual([])
})

test('docs/configuration.md names every key of the schema and every option', () => {
  const text = read('docs/configuration.md')
  const keys = [
    ...keysAt([]),
    ...keysAt(['login']),
    ...keysAt(['limits']),
    ...keysAt(['header_forwarding']),
    ...keysAt(['response_transform']),
    ...keysAt(['cors']),
    ...keysAt(['serve']),
    ...SERVE.flatMap((map) => keysAt(['serve', map])),
    ...keysAt(['servers', 'x']),
    ...keysAt(['providers', 'x']),
  ]
  const options = Object.entries(OPTIONS)
    .filter(([, { help }]) => help !== '')
    .map(([name]) => `--${name}`)
  expect([...keys, ...options].filter((word) => !text.includes(word))).toEqual([])
})

test('docs/security.md says of every key of a config file what it can do in a file that somebody else wrote', () => {
  const text = read('docs/security.md')
  const section = text.slice(
    text.indexOf('\n## A hostile config file'),
    text.indexOf('\n## ', text.indexOf('\n## A hostile config file') + 5),
  )
  const named = new Set([...section.matchAll(/`([\w.]+)`/g)].map(([, word = '']) => word))
  const maps = ['login', 'limits', 'header_forwarding', 'response_transform', 'cors', 'serve']
  const keys = [
    ...keysAt([]).filter((key) => ![...maps, 'servers', 'providers'].includes(key)),
    ...maps.flatMap((map) => keysAt([map]).map((key) => `${map}.${key}`)),
    ...['servers', 'providers'].flatMap((map) => keysAt([map, 'x']).map((key) => `${map}.${key}`)),
  ]
  expect(keys.length).toBeGreaterThanOrEqual(60)
  expect(keys.filter((key) => !named.has(key))).toEqual([])
  expect(text).toContain('\n## A hostile working folder\n')
})

test('the table of the log in docs/configuration.md has every event of the program, with each level it is written at', () => {
  const [, section = ''] = read('docs/configuration.md').split('\n## Log\n')
  const rows = section.split('\n## ')[0]?.matchAll(/^\| (`.*`) \| .* \| ([a-z, ]+) \|$/gm) ?? []
  const table = [...rows].flatMap(([, names = '', levels = '']) =>
    [...names.matchAll(/`([^`]+)`/g)].map(([, event = '']) => ({ event, levels: levels.split(', ') })),
  )
  const program = readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => read(join('src', name)))
    .join('\n')
  const events = [...program.matchAll(/'((?:oauth|proxy|gateway|authorization|serve|store|config|log):[\w-]+)'/g)]
  expect(events.length).toBeGreaterThan(100)
  expect(table.map(({ event }) => event).sort()).toEqual([...new Set(events.map(([, event]) => event))].sort())
  const written = [...program.matchAll(/\.(debug|info|warn|error)\(\s*'(\w+:[\w-]+)'/g)]
  const isTold = (level = '', event = '') => table.some((row) => row.event === event && row.levels.includes(level))
  expect(written.flatMap(([, level, event]) => (isTold(level, event) ? [] : [`${event} ${level}`]))).toEqual([])
})

test('every error code has a section in docs/errors.md, and every section has an error code', () => {
  const sections = [...read('docs/errors.md').matchAll(/^#{2,3} `?([a-z_]+)`?$/gm)].map(([, code]) => code)
  expect(sections.sort()).toEqual(Object.keys(ERRORS).sort())
})

test('the section of each error gives its exit code and JSON-RPC number', () => {
  const text = read('docs/errors.md')
  for (const [code, { exit, rpc }] of Object.entries(ERRORS)) {
    const section =
      new RegExp(`^#{2,3} \`?${code}\`?$([\\s\\S]*?)(?=^#{2,3} |$(?![\\s\\S]))`, 'm').exec(text)?.[1] ?? ''
    expect(section, code).toContain(String(exit))
    expect(section, code).toContain(String(rpc))
  }
})

test('the section of each error says what happened and what to do', () => {
  const sections = read('docs/errors.md').split(/^## /m).slice(1)
  expect(sections.length).toBe(Object.keys(ERRORS).length)
  const said = /^\*\*What happened:\*\* \S.*\n\*\*What to do:\*\* \S.*\nExit code \d+ · JSON-RPC \d+/m
  expect(sections.filter((section) => !said.test(section)).map((section) => section.split('\n')[0])).toEqual([])
})

/** Journeys as they are written: file name and text. */
const JOURNEYS = readdirSync(join(ROOT, 'test/journeys'), { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .map((name) => ({ name, text: read(`test/journeys/${name}`) }))

test('every error code is expected by a journey, as text or with its page', () => {
  const lines = JOURNEYS.flatMap(({ text }) => text.split('\n')).filter(
    (line) => !/\.not\.|^\s*(?:\/\/|test\()/.test(line),
  )
  // `'code'` in an expectation or a table, `(code)` as the callback page says it, `explain code` as a terminal does.
  const wants = (code: string) =>
    new RegExp(`'${code}'|\\\\?\\(${code}(?:\\\\?\\)|, see )|explain (?:\\.\\*)?${code}\\b`)
  expect(Object.keys(ERRORS).filter((code) => !lines.some((line) => wants(code).test(line)))).toEqual([])
})

test('JSON-RPC numbers are outside the reserved range and unique', () => {
  const numbers = Object.values(ERRORS).map(({ rpc }) => rpc)
  expect(new Set(numbers).size).toBe(numbers.length)
  expect(numbers.filter((number) => number >= -32768 && number <= -32000)).toEqual([])
})

test('README is at most 120 lines and names the two commands that do everything', () => {
  const text = read('README.md')
  expect(text.split('\n').length).toBeLessThanOrEqual(121)
  expect(text).toContain('npm ci && npm run demo')
  expect(text).toContain('npm ci && npm test')
})

test('the README’s host snippet starts a bridge that signs in and answers', async () => {
  const json = /```json\n([\s\S]*?)```/.exec(read('README.md'))?.[1] ?? ''
  const [entry] = Object.values(
    (JSON.parse(json) as { mcpServers: Record<string, { command: string; args: string[] }> }).mcpServers,
  )
  expect(entry?.command).toBe('mcp-oauth-bridge')
  expect(entry?.args).toEqual(['https://mcp.example.com/mcp'])
  const stage = await startStage()
  // The installed command runs the package's bin; the server is the one that differs.
  const words = entry?.args.map((word) => word.replace('https://mcp.example.com/mcp', stage.server.url)) ?? []
  const host = startHost(words, {
    ...stage.environment,
    CONFIG_PATH: stage.config(`callback_url: ${stage.callbackUrl}\n`),
  })
  expect(await host.isMet()).toBe(true)
  await host.close()
  await stage.close()
})

test('yaml blocks in the documents are valid config files', () => {
  const documents = [
    'README.md',
    ...readdirSync(join(ROOT, 'docs'))
      .filter((name) => name.endsWith('.md'))
      .map((name) => `docs/${name}`),
  ]
  for (const document of documents) {
    for (const [, block = ''] of read(document).matchAll(/```yaml\n([\s\S]*?)```/g)) {
      expect(parse(block), document).toBeTypeOf('object')
      expect(
        () =>
          parseConfigFile(
            block,
            document,
            process.env.HOME ? { ...process.env, GOOGLE_SECRET: 'x', GITHUB_SECRET: 'x', TEAM_KEY: 'x' } : {},
          ),
        `${document}: ${block}`,
      ).not.toThrow()
    }
  }
})

test('every issue of docs/troubleshooting.md has a test whose title names it and which causes the fault', () => {
  const issues = [...read('docs/troubleshooting.md').matchAll(/^### (Issue: .*)$/gm)].map(([, title = '']) => title)
  expect(issues.length).toBeGreaterThan(18)
  const titles = JOURNEYS.flatMap(({ text }) => text.split('\n')).filter((line) =>
    /^\s*(?:test\b.*\(|\[|\]\)\()?['"]/.test(line),
  )
  expect(issues.filter((issue) => !titles.some((title) => title.includes(issue)))).toEqual([])
})

test('what docs/troubleshooting.md quotes in italics are words of the program', () => {
  const files = readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.ts'),
  )
  const program = files.map((name) => read(join('src', name))).join('\n')
  const prose = read('docs/troubleshooting.md').replace(/^```.*?^```/gms, '')
  const quoted = [...prose.matchAll(/(?<!\*)\*([A-Z][^*\n]+)\*(?!\*)/g)].map(([, words = '']) => words)
  expect(quoted.length).toBeGreaterThan(5)
  expect(quoted.filter((words) => !program.includes(words))).toEqual([])
})

test('every command line in the documents is valid', () => {
  const documents = ['README.md', ...readdirSync(join(ROOT, 'docs')).filter((name) => name.endsWith('.md'))]
  const lines = documents.flatMap((name) => {
    const text = name === 'README.md' ? read(name) : read(`docs/${name}`)
    return [...text.matchAll(/```bash\n([\s\S]*?)```/g)].flatMap(([, block = '']) => block.split('\n'))
  })
  const commands = lines.flatMap((line) => /^(?:[A-Z_]+=\S+ )*mcp-oauth-bridge (.*?)(?:\s+#.*)?$/.exec(line)?.[1] ?? [])
  expect(commands.length).toBeGreaterThan(25)
  for (const command of commands.filter((words) => !/[<>|[\]]/.test(words)))
    expect(() => parseCommandLine(command.split(' ')), command).not.toThrow()
})

/** The anchors that a page of a forge has for the headings of a Markdown file; a heading that stands twice gets a number. */
function anchorsOf(document: string): string[] {
  const seen = new Map<string, number>()
  const text = read(document).replace(/^```[\s\S]*?^```/gm, '')
  return [...text.matchAll(/^#{1,6} (.+)$/gm)].map(([, heading = '']) => {
    const anchor = heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(' ', '-')
    const before = seen.get(anchor) ?? 0
    seen.set(anchor, before + 1)
    return before === 0 ? anchor : `${anchor}-${before}`
  })
}

test('links between documents lead to an existing file and section', () => {
  const documents = [
    'README.md',
    'CONTRIBUTING.md',
    ...readdirSync(join(ROOT, 'docs'))
      .filter((name) => name.endsWith('.md'))
      .map((name) => `docs/${name}`),
  ]
  const files = new Set(
    execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
      cwd: ROOT,
      encoding: 'utf8',
    }).split('\n'),
  )
  for (const document of documents) {
    for (const [, target = ''] of read(document).matchAll(/\]\((?!https?:|mailto:)([^)\s]+)[^)]*\)/g)) {
      const { pathname, hash } = new URL(target, `file:///${document}`)
      const path = pathname.slice(1)
      const known = files.has(path) || [...files].some((file) => file.startsWith(`${path.replace(/\/$/, '')}/`))
      expect(known, `${document} → ${target}`).toBe(true)
      if (hash !== '') expect(anchorsOf(path), `${document} → ${target}`).toContain(hash.slice(1))
    }
  }
})

test('each threat to the gateway names tests that there are', () => {
  const [, table = ''] = read('docs/security.md').split('## The gateway: threats and tests')
  const named = [...table.matchAll(/`([\w/.]+\.test\.ts)`: (.+?)(?=<br>| \|\n)/g)]
  expect(named.length).toBeGreaterThan(50)
  const missing = named.filter(([, file, title]) => !read(`test/${file}`).includes(`'${title}'`))
  expect(missing.map(([text]) => text)).toEqual([])
  const rows = table.split('\n').filter((line) => /^\| (?!Threat)/.test(line))
  expect(rows.filter((row) => !row.includes('.test.ts`: '))).toEqual([])
})
