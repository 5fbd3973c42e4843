// Several bridges call without a pause while short tokens rotate; what the servers saw is the result.
import { startStage } from './stage.ts'

export interface SoakReport {
  /** Answered with a result. */
  readonly calls: number
  /** Messages of calls that were not. */
  readonly failures: string[]
  /** Opened, the first sign-in included. */
  readonly tabs: number
  /** The authorization server granted. */
  readonly refreshes: number
  /** Refreshes. */
  readonly refused: number
  /** Different access tokens the MCP server accepted. */
  readonly tokens: number
  /** That can be if each token is refreshed once, at 80 % of its life at the earliest. */
  readonly mostRefreshes: number
}

interface Soak {
  readonly bridges: number
  readonly tokenSeconds: number
  readonly seconds: number
  readonly onSecond?: (report: SoakReport) => void
}

export async function soak({ bridges, tokenSeconds, seconds, onSecond }: Soak): Promise<SoakReport> {
  const stage = await startStage({ accessTokenSeconds: tokenSeconds })
  const started = performance.now()
  const elapsed = () => (performance.now() - started) / 1000
  let calls = 0
  const failures: string[] = []
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
    const work = async (host: ReturnType<typeof stage.host>) => {
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
