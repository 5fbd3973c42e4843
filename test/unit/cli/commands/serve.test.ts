// What serve says and how it ends; the gateway itself is a fake.
import { randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { Readable, Writable } from 'node:stream'
import { describe, expect, test } from 'vitest'
import { serve } from '../../../../src/cli/commands/gateway/serve.ts'
import type { GatewayOptions } from '../../../../src/compose/gateway.ts'
import type { Runtime } from '../../../../src/compose/runtime.ts'
import { tempFolder } from '../../../fakes/tempFolder.ts'
import { errorOf } from '../../../fakes/thrown.ts'

const folder = tempFolder()
const YAML = `servers: { work: { url: "https://work.example/mcp?key=canary-in-url" } }
providers: { google: { client_id: id, client_secret: canary-secret } }
callback_url: https://mcp.example.com/auth/callback
serve: { access: { domains: [example.com] } }
`

function setUp(yaml = YAML, environment: NodeJS.ProcessEnv = {}) {
  const path = folder.fresh('config.yaml')
  writeFileSync(path, yaml, { mode: 0o600 })
  const ending = new AbortController()
  const given: GatewayOptions[] = []
  let isComposed = () => {}
  const composed = new Promise<void>((resolve) => {
    isComposed = resolve
  })
  let said = ''
  let isClosed = () => {}
  let hold: Promise<void> = Promise.resolve()
  let holdStart: Promise<void> = Promise.resolve()
  let signal: (name: string) => boolean = () => false
  const stderr = new Writable({
    write(chunk, _encoding, done) {
      said += chunk
      done()
    },
  })
  const io = {
    ...{ argv: [], stdin: Readable.from([]), stdout: stderr, stderr, environment, folder: folder.path, version: '1' },
    ending: ending.signal,
    onSignal: (listener: (name: string) => boolean) => {
      signal = listener
    },
  }
  const none = () => undefined
  const log = { debug: none, info: none, warn: none, error: none }
  const flags = { config: path, headers: [], authorizeParameters: [], allowHttp: false, openBrowser: true }
  const options = {
    ...{ flags, environment: { MCP_OAUTH_BRIDGE_HOME: folder.path, ...environment }, folder: folder.path },
    ...{ server: undefined, version: () => '1', alternatives: [], callback: 'gateway' as const },
  }
  const started = serve(
    options,
    io,
    () => ({ log }) as unknown as Runtime,
    async (options) => {
      given.push(options)
      isComposed()
      return {
        start: async () => {
          await holdStart
          return {
            url: 'http://127.0.0.1:8080',
            close: async () => {
              await hold
              isClosed()
            },
            useCertificate: () => undefined,
          }
        },
      }
    },
  )
  return {
    started,
    given,
    said: () => said,
    /** As bin does it. */
    send: (name: string) => {
      if (!signal(name)) ending.abort(name)
    },
    path,
    composed,
    /** The start waits for something until the result is called. */
    holdStart: () => {
      let go: () => void = () => undefined
      holdStart = new Promise((resolve) => {
        go = resolve
      })
      return go
    },
    holdClose: () => {
      hold = new Promise(() => {})
    },
    closed: new Promise<void>((resolve) => {
      isClosed = resolve
    }),
  }
}

/** Everything that was said before it waits for a signal. */
const isUp = async (one: ReturnType<typeof setUp>) => {
  while (!one.said().includes('MCP servers')) await new Promise((resolve) => setImmediate(resolve))
}

test('it says where it listens, with whom people sign in, and the URL for a host; no secret', async () => {
  const one = setUp()
  await isUp(one)
  one.send('SIGTERM')
  expect(await one.started).toBe(0)
  expect(one.said()).toContain('Listening on http://127.0.0.1:8080, reached as https://mcp.example.com\n')
  expect(one.said()).toContain('Sign-in: google (redirect URI https://mcp.example.com/auth/callback)\n')
  expect(one.said()).toContain('  https://mcp.example.com/mcp/work  →  https://work.example/mcp')
  expect(one.said()).not.toContain('canary')
  expect(one.given[0]).toMatchObject({ keys: [], migrate: 'up' })
  await one.closed
})

test('with several providers, it says what to register at each', async () => {
  const github = 'github: { client_id: id, client_secret: canary-secret }'
  const one = setUp(YAML.replace('providers: {', `providers: { ${github},`))
  await isUp(one)
  one.send('SIGTERM')
  expect(await one.started).toBe(0)
  expect(one.said()).toContain(`Sign-in, with the redirect URI to register at each provider:
  github: https://mcp.example.com/auth/callback/github
  google: https://mcp.example.com/auth/callback/google, or https://mcp.example.com/auth/callback if its metadata has authorization_response_iss_parameter_supported: true
`)
})

test.each([
  ['SIGTERM', 0],
  ['SIGINT', 130],
])('%s closes the gateway and ends with %i', async (signal, code) => {
  const one = setUp()
  await isUp(one)
  one.send(signal)
  await one.closed
  expect(await one.started).toBe(code)
})

test.each([
  ['SIGTERM', 'SIGTERM', 0],
  ['SIGTERM', 'SIGINT', 130],
  ['SIGINT', 'SIGTERM', 130],
  ['SIGINT', 'SIGINT', 130],
])('%s, then %s does not wait for open requests, and ends with %i', async (first, second, code) => {
  const one = setUp()
  await isUp(one)
  one.holdClose()
  one.send(first)
  one.send(second)
  expect(await one.started).toBe(code)
})

test('SIGHUP does not end it', async () => {
  const one = setUp()
  await isUp(one)
  one.send('SIGHUP')
  one.send('SIGTERM')
  expect(await one.started).toBe(0)
})

describe('while it waits for something to start', () => {
  test('SIGHUP does not end it, and the files are read again once it runs', async () => {
    const one = setUp()
    const go = one.holdStart()
    await one.composed
    one.send('SIGHUP')
    writeFileSync(one.path, 'serve: [')
    go()
    await isUp(one)
    while (!one.said().includes('the certificate was not renewed: '))
      await new Promise((resolve) => setImmediate(resolve))
    one.send('SIGTERM')
    expect(await one.started).toBe(0)
  })

  test('SIGTERM ends it', async () => {
    const one = setUp()
    one.holdStart()
    await one.composed
    one.send('SIGTERM')
    expect((await errorOf(one.started)).code).toBe('cancelled')
  })
})

test('PostgreSQL without a key is refused with the way to make one, and the gateway is not started', async () => {
  const yaml = `${YAML}database_url: postgresql://u:canary-password@db.example:5432/oauth\n`
  const refused = setUp(yaml)
  const { code, hint } = await errorOf(refused.started)
  expect([code, hint]).toEqual(['key_missing', expect.stringContaining('openssl rand -base64 32')])
  expect(refused.given).toEqual([])
  const key = randomBytes(32)
  const one = setUp(yaml, { MCP_OAUTH_BRIDGE_KEY: key.toString('base64') })
  await isUp(one)
  one.send('SIGTERM')
  await one.started
  expect(one.given[0]?.keys).toEqual([key])
  expect(one.said()).toContain('Database: db.example:5432/oauth\n')
  expect(one.said()).not.toContain('canary')
})

test('without a config file it says what it needs', async () => {
  const home = folder.fresh('empty')
  const error = await errorOf(
    serve(
      {
        ...{ flags: { headers: [], authorizeParameters: [], allowHttp: false, openBrowser: true }, folder: home },
        ...{ environment: { MCP_OAUTH_BRIDGE_HOME: home }, server: undefined, version: () => '1', alternatives: [] },
      },
      {} as Parameters<typeof serve>[1],
      () => ({}) as Runtime,
    ),
  )
  expect([error.code, error.hint]).toEqual(['config_not_found', expect.stringContaining('config.yaml')])
})
