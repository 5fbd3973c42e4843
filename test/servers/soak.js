// Several bridges call without a pause while short tokens rotate; what the servers saw is the result.
import { startStage } from './stage.js'

/**
 * @param {{ bridges: number, tokenSeconds: number, seconds: number, onSecond?: (report: SoakReport) => void }} options
 *
 * @typedef {object} SoakReport
 * @property {number} calls answered with a result
 * @property {string[]} failures messages of calls that were not
 * @property {number} tabs opened, the first sign-in included
 * @property {number} refreshes the authorization server granted
 * @property {number} refused refreshes
 * @property {number} tokens different access tokens the MCP server accepted
 * @property {number} mostRefreshes that can be if each token is refreshed once, at 80 % of its life at the earliest
 */
export async function soak({ bridges, tokenSeconds, seconds, onSecond }) {
  const stage = await startStage({ accessTokenSeconds: tokenSeconds })
  const started = performance.now()
  const elapsed = () => (performance.now() - started) / 1000
  let calls = 0
  /** @type {string[]} */
  const failures = []
  const report = () => ({
    calls,
    failures,
    tabs: stage.tabs().length,
    refreshes: stage.authorization.counts.refreshGrants,
    refused: stage.authorization.counts.refusedRefreshes,
    tokens: stage.server.state.accepted.size,
    // A second less: a token counts whole seconds, so the server may refuse it up to one second early.
    mostRefreshes: Math.ceil(elapsed() / Math.max(0.8 * tokenSeconds - 1, 0.5)) + 1,
  })
  try {
    const hosts = Array.from({ length: bridges }, () => stage.host())
    for (const answer of await Promise.all(hosts.map((host) => host.initialize())))
      if (answer.error) failures.push(answer.error.message)
    let said = 0
    const work = async (/** @type {ReturnType<typeof stage.host>} */ host) => {
      while (elapsed() < seconds) {
        const answer = await host.request('tools/call', { name: 'echo', arguments: { message: String(calls) } })
        if (answer.result) calls++
        else failures.push(answer.error.message)
        if (onSecond && Math.floor(elapsed()) > said) {
          said = Math.floor(elapsed())
          onSecond(report())
        }
      }
    }
    await Promise.all(hosts.map(work))
    for (const host of hosts) {
      const code = await host.close()
      if (code !== 0) failures.push(`a bridge ended with ${code}`)
    }
    return report()
  } finally {
    await stage.close()
  }
}
