// One start of the bridge, for tests that need another session around the program. Prints what the host heard as one JSON report.
import { startHost } from './host.js'

const [url = '', callbackUrl = ''] = process.argv.slice(2)
const host = startHost([url, '--callback-url', callbackUrl], process.env)
const initialized = await host.initialize()
const code = await host.close()
process.stdout.write(
  JSON.stringify({
    code,
    error: initialized.error?.data?.code,
    hint: initialized.error?.data?.hint,
    message: initialized.error?.message,
  }),
)
process.exit(0)
