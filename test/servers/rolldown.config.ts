// Bundles what plain Node starts or imports of this folder into test/.kit: the programs of tests, and the servers of demo/ and bench/.
import { isAbsolute } from 'node:path'
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'rolldown'

const ENTRIES = [
  ...[
    'authorizationServer',
    'browsing',
    'conformanceHost',
    'freePort',
    'gatewayStage',
    'host',
    'postgres',
    'soak',
    'stage',
  ],
  'startAndCall',
]

export default defineConfig({
  input: Object.fromEntries(ENTRIES.map((name) => [name, fileURLToPath(new URL(`${name}.ts`, import.meta.url))])),
  platform: 'node',
  // Packages stay where they are installed.
  external: (id) => !id.startsWith('.') && !isAbsolute(id),
  // As deep as this folder: addresses of files beside it hold in both.
  output: { dir: fileURLToPath(new URL('../.kit', import.meta.url)), format: 'esm', cleanDir: true },
})
