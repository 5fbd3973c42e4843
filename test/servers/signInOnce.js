// Two starts of the bridge and a status, for tests that need another session around the program. Prints one JSON report.
import { execFileSync } from 'node:child_process'
import { PROGRAM, startHost } from './host.js'

const [url = '', callbackUrl = ''] = process.argv.slice(2)
const answers = []
for (const message of ['first', 'second']) {
  const host = startHost([url, '--callback-url', callbackUrl], process.env)
  const { error } = await host.initialize()
  if (error) throw new Error(`${error.message}\n${host.stderr}`)
  const { result } = await host.request('tools/call', { name: 'echo', arguments: { message } })
  answers.push(result.content[0].text)
  await host.close()
}
const status = JSON.parse(execFileSync(process.execPath, [PROGRAM, 'status', '--json'], { encoding: 'utf8' }))
process.stdout.write(JSON.stringify({ answers, status }))
process.exit(0)
