// Lines of a host that are broken, odd or hostile: only that line fails, and what is valid arrives as it was written.
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { makeHome } from '../servers/home.ts'
import { startHost } from '../servers/host.ts'
import { startMcpServer } from '../servers/mcpServer.ts'

type Message = { id?: unknown; result?: unknown; error?: { data: { code: string } } }

let home: ReturnType<typeof makeHome>
let server: Awaited<ReturnType<typeof startMcpServer>>
let host: ReturnType<typeof startHost>
let heardBefore = 0

// One bridge for them all: that the stream goes on after each is part of the promise.
beforeAll(async () => {
  home = makeHome()
  server = await startMcpServer({ '*': ({ result }) => result({}) })
  host = startHost([server.url], home.environment)
  await host.initialize()
})

beforeEach(() => {
  heardBefore = host.heard.length
})

afterAll(async () => {
  const code = await host.close()
  await server.close()
  home.remove()
  expect(code).toBe(0)
  expect(host.rubbish).toEqual([])
})

/** What the server gets of `lines`; all that the host is told of them is heard when this resolves. */
async function relayed(...lines: (string | Uint8Array)[]): Promise<string[]> {
  const before = server.seen.length
  for (const line of lines) host.child.stdin.write(line)
  // Requests travel side by side: only after the answer to one that was read later, and settled, is nothing on its way.
  for (let round = 0; round < 3; round++) await host.request('ping', { probe: true })
  const seen = server.seen
    .slice(before)
    .filter(({ method }) => method === 'POST')
    .map(({ bytes }) => bytes.toString('utf8'))
  return seen.filter((text) => !text.includes('"probe"') && !text.includes('notifications/initialized'))
}

const told = () => host.heard.slice(heardBefore).filter(({ id }: Message) => !(Number(id) < 9000))
const answersTo = (wanted: unknown) => told().filter(({ id }: Message) => id === wanted)

test.each([
  ['broken JSON', '{"jsonrpc":"2.0","id":9050,"method":"ping",}\n'],
  [
    'two messages on one line',
    '{"jsonrpc":"2.0","id":9050,"method":"ping"} {"jsonrpc":"2.0","id":9051,"method":"ping"}\n',
  ],
  ['an unknown version', '{"jsonrpc":"1.0","id":9050,"method":"ping"}\n'],
  ['a NUL', '{"jsonrpc":"2.0","id":9050,"method":"pi\0ng"}\n'],
  ['a lone CR in a text', '{"jsonrpc":"2.0","id":9050,"method":"pi\rng"}\n'],
  ['UTF-8 that is none', Buffer.from('{"jsonrpc":"2.0","id":9050,"method":"ping","x":"\xff\xfe"}\n', 'latin1')],
  [
    'half a surrogate pair in bytes',
    Buffer.from('{"jsonrpc":"2.0","id":9050,"method":"p","x":"\xed\xa0\x80"}\n', 'latin1'),
  ],
])('%s fails alone, and its error names its id', async (_, line) => {
  expect(await relayed(line)).toEqual([])
  expect(answersTo(9050)).toHaveLength(1)
  expect(answersTo(9050)[0].error.data.code).toBe('invalid_protocol')
})

test.each([
  ['a text', '"hello"\n'],
  ['noise', 'GET / HTTP/1.1\r\nHost: x\r\n\r\n'],
  ['an array of nothing', '[]\n'],
  ['an id that is no JSON', '{"jsonrpc":"2.0","id":007,"method":"ping"}\n'],
  ['a prototype instead of fields', '{"__proto__":{"jsonrpc":"2.0","id":9050,"method":"ping"}}\n'],
  ['blank lines', '\n\r\n   \n\t\n'],
])('%s is ignored', async (_, line) => {
  expect(await relayed(line)).toEqual([])
  expect(told()).toEqual([])
})

test.each([
  ['CRLF', '{"jsonrpc":"2.0","id":9060,"method":"ping"}\r\n', '{"jsonrpc":"2.0","id":9060,"method":"ping"}\r'],
  ['a prototype among its fields', '{"__proto__":{"id":1},"jsonrpc":"2.0","id":9060,"method":"ping"}\n'],
  ['a constructor for a method', '{"jsonrpc":"2.0","id":9060,"method":"constructor","params":{"toString":1}}\n'],
  ['an escaped NUL and half a pair', '{"jsonrpc":"2.0","id":9060,"method":"ping","params":{"x":"\\u0000\\ud800"}}\n'],
  ['line separators', '{"jsonrpc":"2.0","id":9060,"method":"ping","params":{"x":"\u2028\u2029\u0085"}}\n'],
  [
    'numbers no double holds',
    '{"jsonrpc":"2.0","id":9060,"method":"ping","params":{"x":12345678901234567890.10e-3}}\n',
  ],
])('%s: the line arrives as it was written', async (_, line, expected = line.slice(0, -1)) => {
  expect(await relayed(line)).toEqual([expected])
  expect(answersTo(9060)).toHaveLength(1)
  expect(answersTo(9060)[0].result).toEqual({})
})

test('of two members with one name the last counts here; the server sees both', async () => {
  const line = '{"jsonrpc":"2.0","id":9070,"id":9071,"method":"tools/call","method":"ping"}'
  expect(await relayed(`${line}\n`)).toEqual([line])
  expect(answersTo(9071)).toHaveLength(1)
  expect(answersTo(9070)).toHaveLength(0)
})

test('a message that nests a million brackets is handled like any other', async () => {
  const deep = `{"jsonrpc":"2.0","id":9080,"method":"ping","params":{"x":${'['.repeat(1_000_000)}${']'.repeat(1_000_000)}}}`
  host.send(deep)
  expect((await host.hear(({ id }: Message) => id === 9080)).result).toEqual({})
  expect(server.seen.some(({ bytes }) => bytes.byteLength === deep.length)).toBe(true)
  host.send(`{"jsonrpc":"2.0","id":9081,"method":"ping","params":${'['.repeat(1_000_000)}`)
  expect((await host.hear(({ id }: Message) => id === 9081)).error.data.code).toBe('invalid_protocol')
})

test('a batch is one message: its bytes arrive, and each of its ids is answered', async () => {
  const line = '[{"jsonrpc":"2.0","id":9090,"method":"ping"},{"jsonrpc":"2.0","id":9091,"method":"ping"}]'
  expect(await relayed(`${line}\n`)).toEqual([line])
  // The scripted server answers it as if it were one request; what is wrong with that is told to both.
  for (const id of [9090, 9091]) {
    expect(answersTo(id)).toHaveLength(1)
    expect(answersTo(id)[0].error.data.code).toBe('invalid_protocol')
  }
})

test('a message in single bytes and many messages in one piece are read alike', async () => {
  const line = (id: number) => `{"jsonrpc":"2.0","id":${id},"method":"ping","params":{"x":"zwölf €"}}\n`
  const single = [...Buffer.from(line(9100))].map((byte) => Uint8Array.of(byte))
  const seen = await relayed(...single, [9101, 9102, 9103].map(line).join(''))
  expect(seen.sort()).toEqual([9100, 9101, 9102, 9103].map((id) => line(id).trimEnd()))
})
