import { defineConfig } from 'vitest/config'

/** Real hosts, which npm fetches: more than a gigabyte, so that `npm test` does without them. */
export default defineConfig({
  test: {
    include: ['test/hosts/**/*.hosts.ts'],
    testTimeout: 300_000,
    hookTimeout: 600_000,
    maxWorkers: 1,
    fileParallelism: false,
    globalSetup: ['test/globalSetup.ts'],
  },
})
