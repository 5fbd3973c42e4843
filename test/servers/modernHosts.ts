// Hosts of both generations of the official SDK over stdio on the built program, or straight at a server: SDK v1, and v2 as it comes, `auto` and pinned.
import { Client as ClientV2, StreamableHTTPClientTransport as HttpV2 } from '@modelcontextprotocol/client'
import { StdioClientTransport as StdioV2 } from '@modelcontextprotocol/client/stdio'
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js'
import { SSEClientTransport as SseV1 } from '@modelcontextprotocol/sdk/client/sse.js'
import { StdioClientTransport as StdioV1 } from '@modelcontextprotocol/sdk/client/stdio.js'
import { StreamableHTTPClientTransport as HttpV1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import {
  CreateMessageRequestSchema,
  ElicitRequestSchema,
  ListRootsRequestSchema,
  ResultSchema,
} from '@modelcontextprotocol/sdk/types.js'
import type { SdkSignIn } from './gatewayClients.ts'
import { PROGRAM } from './host.ts'
import { withPatience } from './patience.ts'
import { until } from './until.ts'

/** `auto` asks with `server/discover` first, `pinned` speaks 2026-07-28 only, the others begin with `initialize`. */
export type HostKind = 'v1' | 'v2' | 'auto' | 'pinned'

export type Where =
  /** The words and the whole environment of a bridge. */
  | { readonly words: readonly string[]; readonly environment: NodeJS.ProcessEnv }
  /** No bridge: what two peers do by themselves. */
  | { readonly direct: string; readonly sse?: boolean; readonly signIn?: SdkSignIn; readonly fetch?: typeof fetch }

export interface Given {
  readonly name?: string
  /** Default: everything. */
  readonly capabilities?: Record<string, unknown>
  /** What `initialize` of SDK v1 offers; it always takes the newest that it knows. */
  readonly revision?: string
}

export const EVERYTHING = {
  elicitation: { form: {}, url: {} },
  sampling: {},
  roots: { listChanged: true },
}

/** What a host answers, until a test says something else. */
export const ANSWERED = {
  form: { action: 'accept', content: { name: 'Ada' } },
  page: { action: 'accept' },
  sample: {
    role: 'assistant',
    content: { type: 'text', text: 'Paris' },
    model: 'test-model',
    stopReason: 'endTurn',
  },
  roots: { roots: [{ uri: 'file:///home/ada', name: 'home' }] },
}

const ANSWERS: Record<string, (params: any) => unknown> = {
  'elicitation/create': ({ mode }) => (mode === 'url' ? ANSWERED.page : ANSWERED.form),
  'sampling/createMessage': () => ANSWERED.sample,
  'roots/list': () => ANSWERED.roots,
}

interface CallOptions {
  readonly onprogress?: (progress: any) => void
  readonly signal?: AbortSignal
  /** Milliseconds until the SDK gives a call up; default a minute. */
  readonly timeout?: number
}

export async function connectSdkHost(kind: HostKind, where: Where, given: Given = {}) {
  const info = { name: given.name ?? `host-${kind}`, version: '1.0.0' }
  const capabilities = (given.capabilities ?? EVERYTHING) as any
  const heard: any[] = []
  const asked: any[] = []
  const answers = { ...ANSWERS }
  const ask = (request: any) => {
    asked.push(request)
    return answers[request.method]?.(request.params) as any
  }
  const client = kind === 'v1' ? makeV1() : makeV2()
  client.fallbackNotificationHandler = async (notification: any) => void heard.push(notification)
  let transport = transportOf(kind, where)
  if (kind === 'v1' && given.revision !== undefined) offer(transport as StdioV1, given.revision)
  const said = { stderr: '' }
  if (transport instanceof StdioV1 || transport instanceof StdioV2)
    transport.stderr?.on('data', (chunk) => {
      said.stderr += chunk
    })
  try {
    await client.connect(transport as any).catch(async (refused: unknown) => {
      if (!('direct' in where) || !where.signIn) throw refused
      const { signIn } = where
      // It throws where nobody was asked.
      const back = signIn.callback()
      await (transport as any).finishAuth(kind === 'v1' ? back.get('code') : back)
      transport = transportOf(kind, where)
      await client.connect(transport as any)
    })
  } catch (cause) {
    await client.close()
    throw Object.assign(cause as Error, { stderr: said.stderr })
  }

  function makeV1(): any {
    const made = new ClientV1(info, { capabilities })
    if (capabilities.elicitation) made.setRequestHandler(ElicitRequestSchema, ask)
    if (capabilities.sampling) made.setRequestHandler(CreateMessageRequestSchema, ask)
    if (capabilities.roots) made.setRequestHandler(ListRootsRequestSchema, ask)
    return made
  }

  function makeV2(): any {
    const mode = kind === 'pinned' ? { pin: '2026-07-28' } : kind === 'auto' ? ('auto' as const) : ('legacy' as const)
    const made = new ClientV2(info, { capabilities, versionNegotiation: { mode } })
    if (capabilities.elicitation) made.setRequestHandler('elicitation/create', ask)
    if (capabilities.sampling) made.setRequestHandler('sampling/createMessage', ask)
    if (capabilities.roots) made.setRequestHandler('roots/list', ask)
    return made
  }

  const isModern = kind !== 'v1' && client.getProtocolEra() === 'modern'
  let level: string | undefined
  const withLevel = (params: any) =>
    level === undefined ? params : { ...params, _meta: { 'io.modelcontextprotocol/logLevel': level } }

  return {
    kind,
    client,
    isModern,
    /** Notifications that no request of ours asked for, in order. */
    heard,
    /** Questions of the server, in order. */
    asked,
    /** What a question is answered with: method → result, of its params. */
    answers,
    said,
    transport: transport as any,
    pid: transport instanceof StdioV1 || transport instanceof StdioV2 ? transport.pid : undefined,
    /** A call; its result as the SDK hands it to a program. */
    call: (name: string, args: Record<string, unknown> = {}, options: CallOptions = {}): Promise<any> =>
      kind === 'v1'
        ? client.callTool(withLevel({ name, arguments: args }), undefined, options)
        : client.callTool(withLevel({ name, arguments: args }), options),
    /** The text of a call's first content. */
    async text(name: string, args: Record<string, unknown> = {}, options: CallOptions = {}): Promise<string> {
      return (await this.call(name, args, options)).content[0].text
    },
    /** A request that the SDK has no name for, and its result as it came. */
    request: (method: string, params: object): Promise<any> =>
      client.request({ method, params }, kind === 'v1' ? ResultSchema : ANY_RESULT),
    /** One page of the prompts, as it came. */
    promptPage: (cursor?: string): Promise<any> =>
      kind === 'v1' || cursor !== undefined
        ? client.listPrompts(cursor === undefined ? {} : { cursor })
        : client.request({ method: 'prompts/list' }),
    /** Log messages of this level and above come from now on. */
    async setLevel(wanted: string): Promise<void> {
      if (isModern) level = wanted
      else await client.setLoggingLevel(wanted)
    },
    /** Asks for list changes and for updates of `uris`, in the words of this host's era. */
    async watch(uris: readonly string[] = []): Promise<{ close(): Promise<void> }> {
      if (isModern)
        return client.listen({
          toolsListChanged: true,
          promptsListChanged: true,
          resourcesListChanged: true,
          ...(uris.length === 0 ? {} : { resourceSubscriptions: [...uris] }),
        })
      for (const uri of uris) await client.subscribeResource({ uri })
      return {
        async close() {
          for (const uri of uris) await client.unsubscribeResource({ uri })
        },
      }
    },
    /** The first notification of that method that passes, also one that came before. */
    hear: (method: string, passes: (params: any) => boolean = () => true): Promise<any> =>
      until(
        `${method} at the host`,
        () => heard.find((one) => one.method === method && passes(one.params ?? {})),
        () => ({ heard, stderr: said.stderr }),
      ),
    /** Notifications of that method so far. */
    count: (method: string): number => heard.filter((one) => one.method === method).length,
    close: (): Promise<void> => client.close(),
  }
}

export type SdkHost = Awaited<ReturnType<typeof connectSdkHost>>

/** A schema that takes everything, for SDK v2. */
const ANY_RESULT = { '~standard': { version: 1, vendor: 'test', validate: (value: unknown) => ({ value }) } }

function offer(transport: StdioV1, protocolVersion: string): void {
  const send = transport.send.bind(transport)
  transport.send = (message: any) =>
    send(message.method === 'initialize' ? { ...message, params: { ...message.params, protocolVersion } } : message)
}

function transportOf(kind: HostKind, where: Where) {
  if ('direct' in where) {
    const url = new URL(where.direct)
    const { signIn, fetch } = where
    const options = { ...(signIn ? { authProvider: signIn.provider } : {}), ...(fetch ? { fetch } : {}) }
    return where.sse ? new SseV1(url) : kind === 'v1' ? new HttpV1(url, options) : new HttpV2(url, options)
  }
  const { args, environment } = withPatience(where.words, where.environment)
  const Stdio = kind === 'v1' ? StdioV1 : StdioV2
  return new Stdio({
    command: process.execPath,
    args: [PROGRAM, ...args],
    env: environment as Record<string, string>,
    stderr: 'pipe',
  })
}
