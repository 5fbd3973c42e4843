// The tarball holds code of other packages: their names and license texts go along with it.
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type OutputOptions, rolldown } from 'rolldown'
import { expect, test } from 'vitest'
import config, { noticeOf, packagesOf } from '../rolldown.config.ts'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const NOTICES = 'dist/THIRD-PARTY-NOTICES.txt'

test('the notices name every package whose code is in the bundle, with its whole license', async () => {
  const bundle = await rolldown(config)
  const { output } = await bundle.generate(config.output as OutputOptions)
  await bundle.close()
  const modules = output.flatMap((chunk) => (chunk.type === 'chunk' ? chunk.moduleIds : []))
  // A package may be there in two versions, one of them inside another package.
  const folders = new Set(
    modules.flatMap((id) => /.*\/node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(id.replace(/^\0/, ''))?.[0] ?? []),
  )
  expect(folders.size).toBeGreaterThan(7)
  const notices = readFileSync(`${ROOT}${NOTICES}`, 'utf8')
  for (const folder of folders) {
    const { name, version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
    expect(notices).toContain(`${name} ${version} (`)
  }
  for (const folder of packagesOf(modules)) {
    const text = noticeOf(folder)
    expect(text).toMatch(/copyright/i)
    expect(text.length).toBeGreaterThan(500)
    expect(notices).toContain(text)
  }
  expect(packagesOf(modules)).toHaveLength(folders.size)
})

test('a package without a license text stops the build', () => {
  expect(() => noticeOf(`${ROOT}test/fakes/..`)).toThrow()
})

test('the notices and our own license are in the tarball', () => {
  const args = ['pack', '--dry-run', '--json', '--ignore-scripts']
  const [{ files }] = JSON.parse(execFileSync('npm', args, { cwd: ROOT, encoding: 'utf8' }))
  const paths = files.map(({ path }: { path: string }) => path)
  expect(paths).toEqual(expect.arrayContaining([NOTICES, 'LICENSE', 'dist/run.js', 'bin/mcp-oauth-bridge.js']))
})
