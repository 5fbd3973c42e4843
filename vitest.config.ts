import { configDefaults, defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // The person and the programs of the journeys are scripts of a POSIX system.
    exclude: [
      ...configDefaults.exclude,
      ...(process.platform === 'win32' ? ['test/journeys/**', 'test/docs.test.ts'] : []),
    ],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    maxWorkers: 3,
    globalSetup: ['test/globalSetup.ts'],
    reporters: ['./test/skips.ts', 'default'],
  },
})
