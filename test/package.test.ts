// What other programs can reach of this package: its schema and its description, and no file of dist/.
import { createRequire } from 'node:module'
import { expect, test } from 'vitest'

const require = createRequire(import.meta.url)
const resolve = (path: string) => require.resolve(`mcp-oauth-bridge/${path}`)

test.each(['config.schema.json', 'package.json'])('%s can be loaded by its name', (path) => {
  expect(resolve(path)).toContain(path)
})

test.each(['', 'dist/run.js', 'dist/keychainWorker.js', 'src/errors.ts', 'bin/mcp-oauth-bridge.js'])(
  '%j cannot be loaded, because it is not part of the public interface',
  (path) => {
    expect(() => resolve(path)).toThrow(expect.objectContaining({ code: 'ERR_PACKAGE_PATH_NOT_EXPORTED' }))
  },
)
