// How many requests a server gets beyond those that a host of its own era would send: at the first start with it, at a later one, and at the first one after a sign-in.
import { cpSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { listTools, toolCall } from './messages.js'
import { CONTENDERS, startRelay } from './peers.js'

/** @typedef {import('./messages.js').Era} Era */

/** What a host of the server's era sends to list the tools and call one. */
const NEEDED = {
  2025: ['initialize', 'notifications/initialized', 'GET', 'tools/list', 'tools/call', 'DELETE'],
  2026: ['tools/list', 'tools/call'],
}
/** What carries the list changes that the other host hears unasked: the GET stream of 2025. */
const INSTEAD = ['subscriptions/listen']

/** Runs before anything else has used the sign-ins of the stage. @param {import('./stage.js').Stage} stage @returns {Promise<string>} a table */
export async function requests(stage) {
  const lines = []
  for (const { kind, host, server } of Object.values(CONTENDERS)) {
    if (kind !== 'bridge') continue
    const home = (/** @type {string} */ name) => join(stage.world.HOME, `${name}-${host}-${server}`)
    const open = await stage.startServer(server)
    mkdirSync(home('new'))
    const first = await extra(stage, open, home('new'), host, server)
    const later = await extra(stage, open, home('new'), host, server)
    mkdirSync(home('signedIn'))
    cpSync(stage.world.MCP_OAUTH_BRIDGE_HOME, join(home('signedIn'), 'bridge'), { recursive: true })
    const signedIn = await extra(stage, stage.urls[server], home('signedIn'), host, server)
    lines.push(`| ${host} → ${server} | ${first} | ${later} | ${signedIn} |`)
  }
  return [
    '| requests beyond those of a host of the server’s era | first start with a server | later start | first start after a sign-in |',
    '|:--|--:|--:|--:|',
    ...lines,
  ].join('\n')
}

/** @param {import('./stage.js').Stage} stage @param {string} url @param {string} home @param {Era} host @param {Era} server */
async function extra(stage, url, home, host, server) {
  await countsOf(url)
  const bridge = await startRelay(stage.spawn.newBridge(url, home), host)
  await bridge.ask((id) => listTools(host, id))
  await bridge.ask((id) => toolCall(host, id, 'echo', false))
  await bridge.close()
  const counts = await countsOf(url)
  // The opening of a 2026 host is a list of its own.
  if (host === '2026') counts['tools/list'] = (counts['tools/list'] ?? 0) - 1
  const needed = host === server ? NEEDED[server] : [...NEEDED[server], ...INSTEAD]
  for (const method of needed) counts[method] = Math.max(0, (counts[method] ?? 0) - 1)
  const left = Object.entries(counts).filter(([, count]) => count > 0)
  const sum = left.reduce((total, [, count]) => total + count, 0)
  return sum === 0 ? '0' : `${sum}: ${left.map(([method]) => method).join(', ')}`
}

async function countsOf(/** @type {string} */ url) {
  const answer = await fetch(new URL('/counts', url))
  return /** @type {Record<string, number>} */ (await answer.json())
}
