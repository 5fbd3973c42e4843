import { defineConfig } from 'vitest/config'

/** The packed program under Wine, where that is installed. */
export default defineConfig({
  test: {
    include: ['test/windows/**/*.windows.ts'],
    testTimeout: 120_000,
    hookTimeout: 240_000,
    maxWorkers: 1,
    fileParallelism: false,
    globalSetup: ['test/globalSetup.ts'],
  },
})
