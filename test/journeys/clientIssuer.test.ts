// A client that a person registered goes to its own authorization server and to no other, whatever an MCP server names or hands out.
import { generateKeyPairSync } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { startScriptedIssuer } from '../servers/scriptedOrigin.ts'
import { startProtectedStage } from '../servers/scriptedStage.ts'
import { openTerminal } from '../servers/terminal.ts'

const open: { close(): unknown }[] = []
afterEach(async () => {
  await Promise.all(open.splice(0).map((one) => one.close()))
})
async function kept<T extends { close(): unknown }>(starting: Promise<T> | T): Promise<T> {
  const started = await starting
  open.push(started)
  return started
}

type Stage = Awaited<ReturnType<typeof startProtectedStage>>
type Issuer = Awaited<ReturnType<typeof startScriptedIssuer>>

const SECRET = 'canary-secret-of-the-client'

const newStage = async () => {
  const stage = await kept(startProtectedStage())
  revokes(stage.issuer)
  return stage
}

/** Publishes a revocation endpoint of its own. */
function revokes({ origin, routes }: Issuer) {
  const path = '/.well-known/oauth-authorization-server'
  const plain = routes[path]
  routes[path] = (seen) => {
    const answer = plain?.(seen) ?? {}
    return { ...answer, json: { ...(answer.json as object), revocation_endpoint: `${origin}/revoke` } }
  }
  routes['/revoke'] = () => ({ status: 200 })
}

function write({ home }: Stage, text: string, name = 'config.yaml'): string {
  const file = join(home, name)
  writeFileSync(file, text)
  return file
}

/** Everything a server has been told, with Basic credentials in clear; an assertion is a proof as well. */
function told({ requests }: Issuer): string {
  const basic = (header = '') => Buffer.from(header.replace(/^Basic /, ''), 'base64').toString('utf8')
  return requests
    .map(({ path, query, headers, body }) => [path, query, body, basic(headers.authorization)].join(' '))
    .join('\n')
}

function expectNothingProven(issuer: Issuer) {
  expect(told(issuer)).not.toContain(SECRET)
  expect(told(issuer)).not.toContain('client_assertion')
}

const keyFile = (stage: Stage) => {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  return write(stage, privateKey.export({ format: 'pem', type: 'pkcs8' }).toString(), 'key.pem')
}
const secretFile = (stage: Stage) => write(stage, SECRET, 'secret.txt')
const url = ({ server }: Stage) => `${server.origin}/mcp`

/** How a person has a secret; what a bridge to a server that names an authorization server of its own ends in. */
const CASES: [string, (stage: Stage) => { yaml?: string; words?: string[]; server?: string }, string | undefined][] = [
  [
    'the only provider of a file, for a URL that is not in it',
    () => ({ yaml: `providers: { github: { client_id: c, client_secret: ${SECRET} } }` }),
    undefined,
  ],
  [
    'the same without a person',
    () => ({ yaml: `providers: { github: { client_id: c, client_secret: ${SECRET}, client_credentials: true } }` }),
    undefined,
  ],
  ...['google', 'microsoft', 'github'].flatMap((name): (typeof CASES)[number][] => [
    [
      `the only provider of a file that lists the server, ${name}`,
      (stage) => ({
        yaml: `servers: { it: { url: "${url(stage)}" } }\nproviders: { ${name}: { client_id: c, client_secret: ${SECRET} } }`,
      }),
      'client_issuer_changed',
    ],
    [
      `${name} by client credentials`,
      (stage) => ({
        yaml: `mcp_server_url: "${url(stage)}"\nproviders: { ${name}: { client_id: c, client_secret: ${SECRET}, client_credentials: true } }`,
      }),
      'client_issuer_changed',
    ],
  ]),
  ...['auth0', 'okta', 'company'].map((name): (typeof CASES)[number] => [
    `a secret of ${name} without an issuer`,
    (stage) => ({
      yaml: `servers: { it: { url: "${url(stage)}", provider: ${name} } }\nproviders: { ${name}: { client_id: c, client_secret: ${SECRET} } }`,
    }),
    'client_issuer_missing',
  ]),
  [
    'a key in the file without an issuer',
    (stage) => ({
      yaml: `servers: { it: { url: "${url(stage)}" } }\nproviders: { it: { client_id: c, client_key_file: "${keyFile(stage)}" } }`,
    }),
    'client_issuer_missing',
  ],
  [
    'a secret of the command line',
    (stage) => ({ words: ['--client-id', 'c', '--client-secret-file', secretFile(stage)] }),
    'client_issuer_missing',
  ],
  [
    'a secret of the command line without a person',
    (stage) => ({ words: ['--client-credentials', '--client-id', 'c', '--client-secret-file', secretFile(stage)] }),
    'client_issuer_missing',
  ],
  [
    'a key of the command line without a person',
    (stage) => ({ words: ['--client-credentials', '--client-id', 'c', '--client-key-file', keyFile(stage)] }),
    'client_issuer_missing',
  ],
  [
    'another client of the command line beside the provider’s secret',
    (stage) => ({
      yaml: `servers: { it: { url: "${url(stage)}", provider: p } }\nproviders: { p: { client_id: c, client_secret: ${SECRET} } }`,
      words: ['--client-id', 'another'],
    }),
    undefined,
  ],
]

describe('a server names its own authorization server, and a client is configured with', () => {
  test.each(CASES)('%s: the client is not authenticated there', async (_, configured, code) => {
    const stage = await newStage()
    const { yaml, words = [] } = configured(stage)
    const config = yaml === undefined ? [] : ['--config', write(stage, `${yaml}\n`)]
    const error = await stage.host(...config, ...words).failure()
    expect(error?.data?.code).toBe(code)
    expectNothingProven(stage.issuer)
    if (code !== undefined) expect(stage.tabs()).toBe(0)
  })

  test('an issuer in the file: that issuer is asked, and the named one gets nothing', async () => {
    const stage = await newStage()
    const own = await kept(startScriptedIssuer())
    const yaml = `servers: { it: { url: "${url(stage)}" } }\nproviders: { p: { client_id: c, client_secret: ${SECRET}, issuer: "${own.origin}" } }\n`
    expect(await stage.host('--config', write(stage, yaml)).isMet()).toBe(true)
    expect(told(own)).toContain(`c:${SECRET}`)
    expect(stage.issuer.requests).toEqual([])
  })

  test('a public client that another server already uses: it is not named to a second issuer', async () => {
    const [first, second] = [await newStage(), await newStage()]
    expect(await first.host('--client-id', 'c').isMet()).toBe(true)
    const { code, stderr } = await first.command('login', url(second), '--client-id', 'c')
    expect(code).toBe(3)
    expect(stderr).toContain('client_issuer_changed')
    expect(told(second.issuer)).not.toContain('client_id')
  })
})

describe('a secret without an issuer', () => {
  test('is reported with the issuer to configure, and --issuer is enough, also without a person', async () => {
    const stage = await newStage()
    const words = ['--client-id', 'c', '--client-secret-file', secretFile(stage)]
    const { code, stderr } = await stage.command('login', url(stage), ...words)
    expect(code).toBe(3)
    expect(stderr).toContain('(client_issuer_missing, see ')
    expect(/^hint: (.*)$/m.exec(stderr)?.[1]).toContain(`--issuer "${stage.issuer.origin}"`)
    expectNothingProven(stage.issuer)
    const named = [...words, '--issuer', stage.issuer.origin]
    expect(await stage.host(...named, '--client-credentials').isMet()).toBe(true)
    expect(told(stage.issuer)).toContain(`c:${SECRET}`)
  })

  test.each([
    ['yes', 'y', 0],
    ['no', 'n', 3],
  ])('is confirmed at a terminal, once for the client and its issuer: %s', async (_, answer, code) => {
    const stage = await newStage()
    const words = ['--client-id', 'c', '--client-secret-file', secretFile(stage)]
    const terminal = await kept(openTerminal({ environment: stage.environment, folder: stage.home, columns: 200 }))
    terminal.run('login', url(stage), ...stage.callback, ...words)
    expect(await terminal.shows(/register the client there\?/)).toContain(stage.issuer.origin)
    expectNothingProven(stage.issuer)
    terminal.enter(answer)
    expect((await terminal.exits()).code).toBe(code)
    if (code !== 0) return expectNothingProven(stage.issuer)
    const host = stage.host(...words, '--profile', 'other')
    expect(await host.isMet()).toBe(true)
    const second = await kept(startScriptedIssuer())
    stage.state.issuer = second.origin
    const error = await stage.host(...words, '--profile', 'third').failure()
    expect(error.data.code).toBe('client_issuer_missing')
    expectNothingProven(second)
  })
})

describe('stored tokens are of an issuer that the configured client does not belong to, so at', () => {
  /** Signed in with a client of the server's own choice: the id that a person's client has elsewhere. */
  async function registered(id: string) {
    const stage = await newStage()
    stage.issuer.routes['/register'] = () => ({ status: 201, json: { client_id: id } })
    expect(await stage.host().isMet()).toBe(true)
    return stage
  }
  const after = async (stage: Stage, words: readonly string[]) => {
    const codes = []
    codes.push((await stage.command('refresh', url(stage), ...words)).code)
    stage.state.accepts = () => false
    await stage.host(...words, '--login', 'never').initialize()
    codes.push((await stage.command('logout', url(stage), ...words)).code)
    return codes
  }

  test('refresh and logout a client that was registered under its id authenticates as the registered one', async () => {
    const stage = await registered('well-known')
    const own = await kept(startScriptedIssuer())
    const secret = ['--client-id', 'well-known', '--client-secret-file', secretFile(stage)]
    expect(await after(stage, [...secret, '--issuer', own.origin])).toEqual([0, 0])
    expectNothingProven(stage.issuer)
    expect(told(stage.issuer)).toContain('grant_type=refresh_token')
    expect(own.requests).toEqual([])
  })

  test('refresh and logout the id of a client metadata document is not authenticated with its key', async () => {
    const document = 'https://me.example/client.json'
    const stage = await registered(document)
    await after(stage, ['--client-metadata-url', document, '--client-key-file', keyFile(stage)])
    expectNothingProven(stage.issuer)
  })

  test.each([
    ['refresh', (stage: Stage) => ['refresh', url(stage)], 3],
    ['logout', (stage: Stage) => ['logout', url(stage)], 0],
    ['logout of all', () => ['logout', '--all'], 0],
  ])('%s nothing is authenticated after the person configured another issuer', async (_, words, code) => {
    const stage = await newStage()
    const own = await kept(startScriptedIssuer())
    const config = (issuer: string) => {
      const yaml = `servers: { it: { url: "${url(stage)}" } }\nproviders: { p: { client_id: c, client_secret: ${SECRET}, issuer: "${issuer}" } }\n`
      return ['--config', write(stage, yaml)]
    }
    expect(await stage.host(...config(stage.issuer.origin)).isMet()).toBe(true)
    stage.issuer.requests.length = 0
    expect((await stage.command(...words(stage), ...config(own.origin))).code).toBe(code)
    expectNothingProven(stage.issuer)
    expectNothingProven(own)
  })

  test('logout of all the tokens of one server are not sent to the endpoints of another', async () => {
    const [stage, other] = [await newStage(), await newStage()]
    expect(await stage.host().isMet()).toBe(true)
    const thief = await kept(startScriptedIssuer())
    const yaml = `servers: { it: { url: "${url(other)}" } }
providers: { p: { client_id: c, client_secret: ${SECRET}, revocation_endpoint: "${thief.origin}/revoke" } }\n`
    const { code, stderr } = await stage.command('logout', '--all', '--config', write(stage, yaml))
    expect(stderr).toContain('the tokens are revoked')
    expect(code).toBe(0)
    expect(thief.requests).toEqual([])
    expect(told(stage.issuer)).toContain('/revoke')
  })
})
