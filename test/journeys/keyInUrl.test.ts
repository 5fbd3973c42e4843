// A key in the server's URL goes to that server, and nowhere else: not to the model, the page, a notice, the log or stderr.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { startStage } from '../servers/stage.ts'

let stage: Awaited<ReturnType<typeof startStage>>
afterEach(() => stage?.close())

const KEY = 'kt7Zq2Vw9Lx4Rb8Nf3Hd6'

test('a key in the query appears in nothing that the host, the page or the log gets', async () => {
  stage = await startStage()
  const url = `${stage.server.url}?api_key=${KEY}`
  const config = stage.config('login: { hold_initialize_ms: 1, hold_call_ms: 200 }\nlog_level: debug\n', 'key.yaml')
  const host = stage.hostOf(url, ['--config', config, '--debug'], { PERSON: 'absent' })
  await host.initialize()
  const said = await host.hear((message: { method?: string }) => message.method === 'notifications/message')
  expect(said.params.data).toContain('Sign in to ')
  await host.request('tools/list')
  expect((await host.request('tools/call', { name: 'sign_in' })).result.content[0].text).toContain('sign in to')
  expect((await host.request('tools/call', { name: 'echo' })).error.data.code).toBe('sign_in_pending')
  const [[tab = ''] = []] = await stage.untilTabs(1)
  const page = await (await fetch(await stage.visitElsewhere(tab), { headers: { accept: 'text/html' } })).text()
  expect(page).toContain('is stored on this computer')
  expect(page).toContain('?…')
  await host.hear((message: { method?: string }) => message.method === 'notifications/tools/list_changed')
  await host.close()
  const log = readFileSync(join(stage.home, 'bridge', 'logs', 'proxy.log'), 'utf8')
  for (const text of [host.lines.join('\n'), host.stderr, page, tab, log]) expect(String(text)).not.toContain(KEY)
})
