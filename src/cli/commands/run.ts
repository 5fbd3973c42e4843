// The bridge itself: relays stdin until stdin closes, the host dies, or the process is asked to end.
import { createLineReader } from '../../bridge/host/stdin.ts'
import type { App } from '../../compose/app.ts'
import { serverOf } from '../../config/target.ts'
import { ERRORS } from '../../errors.ts'
import { loginCommand, shownUrl } from '../../redaction/shownUrl.ts'
import { watchParent } from '../../system/process/watchParent.ts'
import type { ProcessIO } from '../process.ts'

/** How long pending answers may take after stdin closes, in ms; the exit takes at most 2 s. */
const GRACE_MS = 1_000

/** Longer than anything runs, in ms. */
const AGES_MS = 2 ** 30

export async function connect(
  app: Pick<App, 'config' | 'log' | 'relay'>,
  { stdin, stderr, ending }: ProcessIO,
): Promise<number> {
  const { config, log } = app
  const { url, name } = serverOf(config)
  log.info('proxy:start', { server: url, profile: config.profile })
  if (stdin.isTTY)
    stderr.write(
      `Bridging to ${shownUrl(url)}; waiting for MCP messages on stdin. To sign in: ${loginCommand(url, config.profile, name)}\n`,
    )
  let end: (graceMs: number) => void = () => undefined
  const ended = new Promise<number>((resolve) => {
    end = resolve
  })
  const relay = app.relay(() => end(0))
  const reader = createLineReader(config.hostLimit, relay.line, relay.tooLong)
  stdin.on('data', reader.push)
  stdin.once('end', () => {
    reader.end()
    end(GRACE_MS)
  })
  stdin.once('error', () => end(0))
  if (ending.aborted) end(0)
  ending.addEventListener('abort', () => end(0), { once: true })
  const unwatch = watchParent(() => end(0))
  // While stdin is paused nothing else may keep the process alive, and it would end as if nobody had more to say.
  const awake = setInterval(() => undefined, AGES_MS)
  await relay.close(await ended)
  clearInterval(awake)
  unwatch()
  log.info('proxy:end', {})
  return ending.reason === 'SIGINT' ? ERRORS.cancelled.exit : 0
}
