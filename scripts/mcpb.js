// Builds the MCPB bundle for Claude Desktop and validates it with the format's own tool: `npm run mcpb [folder]` writes one file there.
import { execFileSync } from 'node:child_process'
import { copyFileSync, cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const TOOL = '@anthropic-ai/mcpb@2.1.2'
/** The systems of Claude Desktop, each with its own native part of the keychain package. */
const SYSTEMS = ['darwin-arm64', 'darwin-x64', 'win32-x64', 'win32-arm64', 'linux-x64']

/** @param {string[]} words @param {string} [cwd] */
const npm = (words, cwd = ROOT) =>
  process.platform === 'win32'
    ? execFileSync('cmd', ['/c', 'npm', ...words], { cwd, encoding: 'utf8' })
    : execFileSync('npm', words, { cwd, encoding: 'utf8' })
/** @param {string[]} words */
const tool = (...words) => npm(['exec', '--yes', `--package=${TOOL}`, '--', 'mcpb', ...words])

/** What npm would publish, in `folder`. @param {string} folder @param {string} work */
function unpackProgram(folder, work) {
  const [{ filename }] = JSON.parse(npm(['pack', '--json', '--ignore-scripts', '--pack-destination', work]))
  execFileSync('tar', ['-xzf', join(work, filename), '-C', work])
  cpSync(join(work, 'package'), folder, { recursive: true })
}

/** The keychain package with its parts for all systems, as package-lock.json has them. @param {string} folder @param {string} work */
function addKeychain(folder, work) {
  for (const system of SYSTEMS) {
    const [os, cpu] = system.split('-')
    const at = join(work, system)
    mkdirSync(at)
    for (const name of ['package.json', 'package-lock.json']) copyFileSync(join(ROOT, name), join(at, name))
    const from = [`--os=${os}`, `--cpu=${cpu}`, ...(os === 'linux' ? ['--libc=glibc'] : [])]
    npm(['ci', '--omit=dev', '--ignore-scripts', '--no-audit', '--no-fund', ...from], at)
    cpSync(join(at, 'node_modules/@napi-rs'), join(folder, 'node_modules/@napi-rs'), { recursive: true })
  }
}

/** The bundle's path. @param {string} target */
function build(target) {
  const work = mkdtempSync(join(tmpdir(), 'mcp-oauth-bridge-mcpb-'))
  try {
    const bundle = join(work, 'bundle')
    const server = join(bundle, 'server')
    mkdirSync(join(server, 'mcpb'), { recursive: true })
    unpackProgram(server, work)
    addKeychain(server, work)
    copyFileSync(join(ROOT, 'mcpb/server.js'), join(server, 'mcpb/server.js'))
    const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
    const manifest = JSON.parse(readFileSync(join(ROOT, 'mcpb/manifest.json'), 'utf8'))
    writeFileSync(join(bundle, 'manifest.json'), `${JSON.stringify({ ...manifest, version }, null, 2)}\n`)
    tool('validate', join(bundle, 'manifest.json'))
    const file = resolve(target, `mcp-oauth-bridge-${version}.mcpb`)
    tool('pack', bundle, file)
    return { file, systems: readdirSync(join(server, 'node_modules/@napi-rs')) }
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

const { file, systems } = build(process.argv[2] ?? ROOT)
process.stdout.write(`${file}\nThe keychain's native parts in it: ${systems.join(', ')}\n`)
