// A museum of odd servers: one table row a server, one complete sign-in and call each, and a second start without a person.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { CLOSED } from '../servers/closedServers.ts'
import { call, type Exhibit, type Stage } from '../servers/oddParts.ts'
import { EXHIBITS } from '../servers/oddServers.ts'
import { startProtectedStage } from '../servers/scriptedStage.ts'

const open: Stage[] = []
afterEach(async () => {
  for (const stage of open.splice(0)) await stage.close()
})

async function enter(exhibit: Pick<Exhibit, 'build'>) {
  const stage = await startProtectedStage()
  open.push(stage)
  const { config, words = [] } = exhibit.build(stage) ?? {}
  if (config !== undefined) {
    mkdirSync(join(stage.home, 'bridge'), { recursive: true, mode: 0o700 })
    writeFileSync(join(stage.home, 'bridge/config.yaml'), config, { mode: 0o600 })
  }
  return { stage, start: () => stage.host(...words) }
}

describe('a person signs in once and their calls are answered', () => {
  test.each(EXHIBITS.map((exhibit) => [exhibit.name, exhibit] as const))('%s', async (_, exhibit) => {
    const { stage, start } = await enter(exhibit)
    const host = start()
    const isMet = await host.isMet()
    // What stood in the way is in the error.
    await call(host)
    expect([isMet, stage.tabs()]).toEqual([true, 1])
    await exhibit.later?.(stage, host)
    const tabs = stage.tabs()
    await host.close()
    const second = start()
    expect(await second.isMet()).toBe(true)
    await call(second)
    expect(stage.tabs()).toBe(tabs)
  })
})

describe('what stays closed says why, and what to do', () => {
  test.each(CLOSED.map((closed) => [closed.name, closed] as const))('%s', async (_, { build, code, says }) => {
    const { stage, start } = await enter({ build })
    const host = start()
    const error = await host.failure()
    expect(error.data.code, error.message).toBe(code)
    expect(`${error.message} ${error.data.hint}`).toMatch(says)
    expect(stage.server.requests.filter(({ headers }) => headers.authorization !== undefined)).toEqual([])
  })
})
