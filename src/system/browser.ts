// Opens one http(s) URL in the person's browser: a named program gets one argument, no shell, and none of our secrets.
import { type ChildProcess, spawn } from 'node:child_process'
import { BridgeError } from '../errors.ts'
import type { Browser } from '../ports.ts'

/** An opener that fails does so soon; one that stays is a browser. */
const FAILS_WITHIN_MS = 2_000

/** `program` is what BROWSER or `browser:` names: programs without arguments, tried in turn; undefined: the system's. */
export function createBrowser(program: string | undefined, environment: NodeJS.ProcessEnv): Browser {
  return {
    async open(url) {
      if (url.protocol !== 'https:' && url.protocol !== 'http:') {
        throw new BridgeError('browser_failed', {
          message: `An address with the scheme ${url.protocol} is not opened.`,
        })
      }
      if (program === undefined)
        return await awaitStart((await import('open')).default(url.href), 'the system’s browser')
      const programs = process.platform === 'win32' ? [program] : program.split(':').filter((name) => name !== '')
      let failure: unknown
      for (const name of programs) {
        try {
          const child = spawn(name, [url.href], {
            stdio: 'ignore',
            detached: true,
            env: cleaned(environment),
            shell: false,
          })
          return await awaitStart(Promise.resolve(child), name)
        } catch (thrown) {
          failure = thrown
        }
      }
      throw failure ?? new BridgeError('browser_failed')
    },
  }
}

/** Resolves once the program runs, rejects when it cannot start or soon ends with a failure. */
async function awaitStart(starting: Promise<ChildProcess>, name: string): Promise<void> {
  const failed = (why: string, cause?: unknown) =>
    new BridgeError('browser_failed', { message: `${name} could not be started: ${why}.`, cause })
  const child = await starting.catch((thrown: Error) => {
    throw failed(thrown.message, thrown)
  })
  child.unref()
  await new Promise<void>((resolve, reject) => {
    const settled = setTimeout(resolve, FAILS_WITHIN_MS)
    settled.unref()
    child.once('error', (error) => reject(failed(error.message, error)))
    child.once('exit', (code) =>
      code === 0 || code === null ? resolve() : reject(failed(`it ended with code ${code}`)),
    )
  })
}

function cleaned(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(environment).filter(([name]) => !/^MCP_OAUTH_BRIDGE_|SECRET|TOKEN|PASSWORD/i.test(name)),
  )
}
