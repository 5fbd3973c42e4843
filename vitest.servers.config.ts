import { defineConfig } from 'vitest/config'

/** Real servers, which npm fetches: a quarter of a gigabyte, so that `npm test` does without them. */
export default defineConfig({
  test: {
    include: ['test/realServers/**/*.servers.ts'],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    maxConcurrency: 3,
    globalSetup: ['test/globalSetup.ts', 'test/realServers/install.ts'],
  },
})
