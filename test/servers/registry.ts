// A package registry on loopback: under each name it serves a package with one program, or none, of somebody.
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface Package {
  readonly owners: readonly string[]
  readonly version?: string
  /** What its program says. */
  readonly prints?: string
}

interface Options {
  /** Who the token belongs to. */
  readonly whoami?: string
  /** Every answer is an error. */
  readonly fails?: boolean
}

export async function startRegistry(packages: Record<string, Package> = {}, options: Options = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'mcp-oauth-bridge-registry-'))
  const asked: string[] = []

  /** The tarball as npm packs one. */
  function tarball(name: string) {
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

  function manifestOf(name: string) {
    const { version = '1.0.2', prints } = packages[name] ?? {}
    return { name, version, ...(prints === undefined ? {} : { bin: { [name.replace(/^@[^/]+\//, '')]: 'cli.js' } }) }
  }

  function packument(name: string) {
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
    const json = (status: number, body: unknown) =>
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
    if (options.fails) return json(500, { error: 'broken' })
    if (path === '/-/whoami') return options.whoami ? json(200, { username: options.whoami }) : json(401, {})
    const tar = /^\/-\/(.*)\.tgz$/.exec(path)?.[1]
    if (tar !== undefined) return response.writeHead(200).end(tarball(decodeURIComponent(tar)))
    const found = request.method === 'GET' ? packument(path.slice(1)) : undefined
    return found ? json(200, found) : json(404, { error: 'Not found' })
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(undefined)))
  const { port } = server.address() as AddressInfo
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
