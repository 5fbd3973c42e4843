// Starts of the bridge, one after the other, for tests that need another session around the program: URL, callback, and a text for each call.
// Prints one JSON report: what the host heard at each start, the answers, and the status afterwards.
import { execFileSync } from 'node:child_process'
import { PROGRAM, startHost } from './host.ts'

const [url = '', callbackUrl = '', ...messages] = process.argv.slice(2)
const starts = []
const answers = []
for (const message of messages.length === 0 ? [undefined] : messages) {
  const host = startHost([url, '--callback-url', callbackUrl], process.env)
  const error = message === undefined ? await host.failure() : (await host.initialize()).error
  if (message !== undefined) {
    if (error) throw new Error(`${error.message}\n${host.stderr}`)
    const { result } = await host.request('tools/call', { name: 'echo', arguments: { message } })
    answers.push(result.content[0].text)
  }
  const code = await host.close()
  starts.push({ code, error: error?.data?.code, hint: error?.data?.hint, message: error?.message })
}
const status =
  messages.length === 0
    ? undefined
    : JSON.parse(execFileSync(process.execPath, [PROGRAM, 'status', '--json'], { encoding: 'utf8' }))
process.stdout.write(JSON.stringify({ starts, answers, status }))
process.exit(0)
