// Bundles src/ into dist/: one small entry and chunks that load only when a command needs them.
import { defineConfig } from 'rolldown'
import { jsonSchema } from './src/config/schema.ts'

export default defineConfig({
  input: { run: 'src/cli/run.ts' },
  platform: 'node',
  // jsonc-parser's "main" loads its parts by names that no bundler sees; its "module" does not.
  resolve: { mainFields: ['module', 'main'] },
  external: ['better-sqlite3', '@napi-rs/keyring', /^node:/],
  plugins: [
    {
      // HTTP/2 is off (bench/README.md): without this file a start does not load node:http2.
      name: 'no HTTP/2',
      load: { filter: { id: /undici\/lib\/dispatcher\/client-h2\.js$/ }, handler: () => 'module.exports = undefined' },
    },
    {
      name: 'schema for editors',
      generateBundle() {
        const source = `${JSON.stringify(jsonSchema(), null, 2)}\n`
        this.emitFile({ type: 'asset', fileName: 'config.schema.json', source })
      },
    },
  ],
  output: {
    dir: 'dist',
    format: 'esm',
    cleanDir: true,
    entryFileNames: '[name].js',
    chunkFileNames: '[name]-[hash].js',
    // What every start loads anyway lies in one file, though rarer files share it.
    codeSplitting: {
      groups: [
        {
          name: 'core',
          test: new RegExp(
            `/src/(${[
              'errors|secureUrl|onceGood|cli/args',
              'config/(cache|environment|load|nearest|oneOf|paths|server)',
              'bridge/(answers|endSession|eventStream|exchange|flights|listen|lostSession|message|relay|repeat|rpcError|scan|scanString|send|session|transport)',
              'auth/(askForLogin|authorize|challenge|scopes|tokens|userHeaders)',
              'store/(database|migrate|time|migrations/.*)',
              'system/(logFile|netErrors|privateFiles|proxy)',
            ].join('|')})\\.ts$`,
          ),
        },
      ],
    },
    minify: { compress: true, mangle: false, codegen: { removeWhitespace: false } },
  },
})
