// Debian's nginx with one `server { … }` of a test's choice, in a temporary folder, as the user who runs the tests
import { spawn } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { has, pathOf } from '../needs.ts'
import { until } from './until.ts'

export const whyNoNginx = (): string | undefined => (has('nginx') ? undefined : 'nginx is not installed')

const KINDS = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']

/** `port`: where `server` listens on 127.0.0.1. @throws Error with what nginx said, where it does not start */
export async function startNginx(server: string, port: number) {
  const folder = mkdtempSync(join(tmpdir(), 'mcp-oauth-bridge-nginx-'))
  // Its workers are another user where root runs the tests.
  chmodSync(folder, 0o755)
  const folders = KINDS.map((kind) => `${kind}_temp_path ${join(folder, kind)};`).join(' ')
  const file = join(folder, 'nginx.conf')
  const text = `daemon off; pid ${join(folder, 'pid')}; events {}\nhttp { access_log off; ${folders}\n${server}\n}\n`
  writeFileSync(file, text)
  const words = ['-c', file, '-e', 'stderr', '-p', folder]
  const child = spawn(pathOf('nginx') ?? 'nginx', words, { stdio: ['ignore', 'ignore', 'pipe'] })
  let said = ''
  child.stderr.on('data', (chunk) => {
    said += chunk
  })
  const gone = new Promise((resolve) => child.once('exit', resolve))
  const listens = () =>
    new Promise<boolean>((resolve) => {
      if (child.exitCode !== null) throw new Error(`nginx ended with ${child.exitCode}: ${said}`)
      const socket = connect(port, '127.0.0.1', () => resolve(true)).on('error', () => resolve(false))
      socket.once('connect', () => socket.destroy())
    })
  await until('nginx to listen', listens, () => said)
  return {
    said: () => said,
    async close() {
      child.kill('SIGTERM')
      await gone
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
