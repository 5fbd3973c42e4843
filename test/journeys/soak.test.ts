// A short soak; bench/soak.js is the long one.
import { expect, test } from 'vitest'
import { soak } from '../servers/soak.ts'

test('three bridges that call without a pause while tokens rotate: no failure, one tab, one refresh for each rotation', async () => {
  const report = await soak({ bridges: 3, tokenSeconds: 3, seconds: 15 })
  expect(report.failures).toEqual([])
  expect(report.tabs).toBe(1)
  expect(report.refused).toBe(0)
  expect(report.refreshes).toBeGreaterThanOrEqual(3)
  expect(report.refreshes).toBeLessThanOrEqual(report.mostRefreshes)
  // Each refresh gave one token, and every one of them was used, but perhaps the one that came at the very end.
  expect([report.refreshes, report.refreshes + 1]).toContain(report.tokens)
  expect(report.calls).toBeGreaterThan(50)
}, 120_000)
