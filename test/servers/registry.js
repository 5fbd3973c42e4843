// A package registry on loopback: under each name it serves a package with one program, or none, of somebody.
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/**
 * @param {Record<string, { owners: string[], version?: string, prints?: string }>} packages by name; `prints` is what its program says
 * @param {{ whoami?: string, fails?: boolean }} [options] who the token belongs to; a registry that only fails
 */
export async function startRegistry(packages = {}, options = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'mcp-oauth-bridge-registry-'))
  /** @type {string[]} */
  const asked = []

  /** The tarball as npm packs one. */
  function tarball(/** @type {string} */ name) {
    const source = join(folder, name, 'package')
    const file = join(folder, name, 'package.tgz')
    if (existsSync(file)) return readFileSync(file)
    mkdirSync(source, { recursive: true })
    writeFileSync(join(source, 'package.json'), JSON.stringify(manifestOf(name)))
    writeFileSync(
      join(source, 'cli.js'),
      `#!/usr/bin/env node\nconsole.log(${JSON.stringify(packages[name]?.prints)})\n`,
    )
    execFileSync('tar', ['czf', file, '-C', join(folder, name), 'package'])
    return readFileSync(file)
  }

  function manifestOf(/** @type {string} */ name) {
    const { version = '1.0.2', prints } = packages[name] ?? {}
    return { name, version, ...(prints === undefined ? {} : { bin: { [name.replace(/^@[^/]+\//, '')]: 'cli.js' } }) }
  }

  function packument(/** @type {string} */ name) {
    const found = packages[name]
    if (!found) return undefined
    const manifest = manifestOf(name)
    const integrity = `sha512-${createHash('sha512').update(tarball(name)).digest('base64')}`
    const dist = { tarball: `${origin}/-/${encodeURIComponent(name)}.tgz`, integrity }
    const maintainers = found.owners.map((owner) => ({ name: owner, email: `${owner}@example.com` }))
    const versions = { [manifest.version]: { ...manifest, dist, maintainers } }
    return { name, maintainers, 'dist-tags': { latest: manifest.version }, versions }
  }

  const server = createServer((request, response) => {
    const path = decodeURIComponent(new URL(request.url ?? '/', 'http://localhost').pathname)
    asked.push(`${request.method} ${path}`)
    request.resume()
    const json = (/** @type {number} */ status, /** @type {unknown} */ body) =>
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
    if (options.fails) return json(500, { error: 'broken' })
    if (path === '/-/whoami') return options.whoami ? json(200, { username: options.whoami }) : json(401, {})
    const tar = /^\/-\/(.*)\.tgz$/.exec(path)?.[1]
    if (tar !== undefined) return response.writeHead(200).end(tarball(decodeURIComponent(tar)))
    const found = request.method === 'GET' ? packument(path.slice(1)) : undefined
    return found ? json(200, found) : json(404, { error: 'Not found' })
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(undefined)))
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address())
  const origin = `http://127.0.0.1:${port}`

  return {
    origin,
    /** What was asked for, as `METHOD /path`. */
    asked,
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
