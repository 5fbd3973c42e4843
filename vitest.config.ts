import { configDefaults, defineConfig } from 'vitest/config'

// The person and the programs of the journeys are scripts of a POSIX system.
const elsewhere = process.platform === 'win32' ? ['test/journeys/**', 'test/docs.test.ts'] : []

export default defineConfig({
  test: {
    testTimeout: 60_000,
    hookTimeout: 60_000,
    maxWorkers: 3,
    globalSetup: ['test/globalSetup.ts'],
    reporters: ['./test/skips.ts', 'default'],
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['test/unit/**/*.test.ts'],
          // They leave nothing behind, and loading src/ anew for each file takes as long as they do.
          isolate: false,
        },
      },
      {
        extends: true,
        test: {
          name: 'whole',
          include: ['test/**/*.test.ts'],
          exclude: [...configDefaults.exclude, 'test/unit/**', ...elsewhere],
        },
      },
    ],
  },
})
