// Bundles src/ into dist/: one small entry and chunks that load only when a command needs them.
import { defineConfig } from 'rolldown'

export default defineConfig({
  input: { run: 'src/cli/run.ts' },
  platform: 'node',
  external: ['better-sqlite3', '@napi-rs/keyring', /^node:/],
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
          test: /\/src\/(errors|secureUrl|bridge\/(answers|eventStream|exchange|flights|lostSession|message|scan|session))\.ts$/,
        },
      ],
    },
    minify: { compress: true, mangle: false, codegen: { removeWhitespace: false } },
  },
})
