// A shell in the folder of a gateway, into which lines of the troubleshooting guide are typed as they stand there
import { spawn } from 'node:child_process'
import type { GatewayStage } from './gatewayStage.ts'

export interface Typed {
  readonly code: number | null
  /** What it wrote on stdout and on stderr. */
  readonly out: string
  readonly err: string
}

/**
 * Gives what types a line. The guide's addresses are put for those of this stage: its ports 8080, 3000 and 5432, and its database oauth_db;
 * `words` are more of that kind.
 */
export function guideShell(stage: GatewayStage, target: string, words: Readonly<Record<string, string>> = {}) {
  const database = stage.database === undefined ? undefined : new URL(stage.database)
  const theirs: Readonly<Record<string, string>> = {
    'http://localhost:8080': stage.origin,
    'http://localhost:3000': target,
    ...(database === undefined
      ? {}
      : {
          'localhost:5432': database.host,
          '-h localhost -p 5432': `-h ${database.hostname} -p ${database.port}`,
          oauth_db: database.pathname.slice(1),
        }),
    ...words,
  }
  const PG = database && {
    ...{ PGHOST: database.hostname, PGPORT: database.port, PGPASSWORD: database.password },
    PGUSER: database.username,
  }
  return (line: string, more: Readonly<Record<string, string>> = {}): Promise<Typed> => {
    let typed = line
    for (const [from, to] of Object.entries(theirs)) typed = typed.replaceAll(from, to)
    const shell = spawn('bash', ['-c', typed], {
      cwd: stage.home,
      env: { ...stage.environment, ...PG, ...more },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let out = ''
    let err = ''
    shell.stdout.setEncoding('utf8').on('data', (chunk) => {
      out += chunk
    })
    shell.stderr.setEncoding('utf8').on('data', (chunk) => {
      err += chunk
    })
    return new Promise((resolve) => shell.once('close', (code) => resolve({ code, out, err })))
  }
}
