// What a host waits for, from spawn to the answer to `initialize`: the command of `install --pin`, and npx with a warm and a cold cache.
import { execFileSync, spawn } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { PROGRAM } from './kit.js'
import { timeToAnswer } from './peers.js'
import { quantile } from './rounds.js'

const ROOT = fileURLToPath(new URL('..', import.meta.url))

/**
 * @param {import('./stage.js').Stage} stage
 * @param {{ rounds: number }} options
 */
export async function hostStart({ urls, world }, { rounds }) {
  const url = urls['2025']
  const packed = join(world.HOME, 'packed')
  const cache = join(world.HOME, 'npm')
  mkdirSync(packed)
  // npm's own settings: where its registry is, and which certificates it trusts.
  const npm = {
    ...process.env,
    npm_config_cache: cache,
    npm_config_update_notifier: 'false',
    npm_config_loglevel: 'silent',
  }
  execFileSync('npm', ['pack', '--ignore-scripts', '--pack-destination', packed, ROOT], { env: npm, stdio: 'ignore' })
  const tarball = join(packed, readdirSync(packed)[0] ?? '')
  execFileSync(process.execPath, [PROGRAM, 'install', 'cursor', url, '--pin'], { env: world, stdio: 'ignore' })
  const { mcpServers } = JSON.parse(readFileSync(join(world.HOME, '.cursor/mcp.json'), 'utf8'))
  const [entry] = Object.values(mcpServers)
  const pinned = () => answered(entry.command, entry.args, world)
  const npx = () => answered('npx', ['-y', '-p', tarball, 'mcp-oauth-bridge', url], { ...npm, ...world })
  /** @type {Record<'pinned' | 'warm' | 'cold', number[]>} */
  const times = { pinned: [], warm: [], cold: [] }
  for (let round = 0; round < 2; round++) {
    rmSync(cache, { recursive: true, force: true })
    times.cold.push(await npx())
  }
  await pinned()
  for (let round = 0; round < rounds; round++) {
    times.pinned.push(await pinned())
    times.warm.push(await npx())
  }
  return [
    `install --pin: ${shown(times.pinned)}`,
    `npx, warm cache: ${shown(times.warm)}`,
    `npx, empty cache: ${shown(times.cold)}`,
    `Medians and slowest of ${rounds} interleaved rounds, of 2 with an empty cache; Node ${process.version}.`,
  ].join('\n')
}

const shown = (/** @type {readonly number[]} */ times) =>
  `${Math.round(quantile(times, 0.5))} ms, slowest ${Math.round(Math.max(...times))} ms`

/** @param {string} command @param {string[]} args @param {NodeJS.ProcessEnv} env */
const answered = (command, args, env) =>
  timeToAnswer(() => spawn(command, args, { env, cwd: env.HOME, stdio: ['pipe', 'pipe', 'inherit'] }), command)
