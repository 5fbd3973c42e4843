import { defineConfig } from 'vitest/config'

/** The MCPB bundle, whose tool and native parts npm fetches: `npm test` does without them. */
export default defineConfig({
  test: {
    include: ['test/mcpb/**/*.mcpb.ts'],
    testTimeout: 120_000,
    hookTimeout: 240_000,
    maxWorkers: 1,
    globalSetup: ['test/globalSetup.ts'],
  },
})
