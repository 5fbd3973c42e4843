// A home with a person who signs in by the browser: the callback, the hosts that end with it, and the tabs that were opened.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { freePort } from './freePort.ts'
import { makeHome } from './home.ts'
import { startHost } from './host.ts'
import { endLeftovers } from './stage.ts'

const PERSON = fileURLToPath(new URL('./person.js', import.meta.url))

/** Hosts of one home, which end with it. */
export function hostsIn(environment: NodeJS.ProcessEnv) {
  const hosts: ReturnType<typeof startHost>[] = []
  return {
    start(args: readonly string[]) {
      const host = startHost(args, environment)
      hosts.push(host)
      return host
    },
    end() {
      for (const { child } of hosts) if (child.exitCode === null) child.kill('SIGKILL')
    },
  }
}

/** `habits`: what the person does, as variables of person.js. */
export async function makePersonHome(habits: NodeJS.ProcessEnv = {}) {
  const home = makeHome()
  const log = join(home.path, 'tabs.log')
  const environment = { ...home.environment, BROWSER: PERSON, PERSON_LOG: log, ...habits }
  const hosts = hostsIn(environment)
  return {
    path: home.path,
    environment,
    /** Words that name the callback. */
    callback: ['--callback-url', `http://localhost:${await freePort()}/auth/callback`],
    host: hosts.start,
    /** Runs a command to its end. */
    command: (args: readonly string[]) => home.command(args, environment),
    /** How many were opened. */
    tabs() {
      try {
        return readFileSync(log, 'utf8').trim().split('\n').length
      } catch {
        return 0
      }
    },
    /** Ends what runs in it; `remove` comes last. */
    end() {
      hosts.end()
      endLeftovers(home.path)
    },
    remove: home.remove,
  }
}
