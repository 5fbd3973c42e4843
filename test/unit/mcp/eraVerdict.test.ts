// Which revisions a server speaks, by its answer to one server/discover.
import { expect, test } from 'vitest'
import { type EraVerdict, erasOf, judge, readDiscover } from '../../../src/mcp/eraVerdict.ts'

const bytes = (body: unknown) => Buffer.from(typeof body === 'string' ? body : JSON.stringify(body))
const ofBody = (status: number, body: unknown) => judge({ status, body: bytes(body) })
const result = (members: unknown) => ({ jsonrpc: '2.0', id: 'a', result: members })
const versions = (supportedVersions: unknown) => result({ resultType: 'complete', supportedVersions, capabilities: {} })
const error = (code: unknown, data?: unknown) => ({ jsonrpc: '2.0', id: 'a', error: { code, message: 'no', data } })
const unsupported = (supported: unknown) => error(-32022, { supported, requested: '2026-07-28' })

test.each<[string, number, unknown, EraVerdict]>([
  ['a DiscoverResult with 2026-07-28', 200, versions(['2026-07-28']), '2026'],
  ['one that lists older and newer ones too', 200, versions(['2025-11-25', '2026-07-28', '2027-01-01']), '2026'],
  ['one with 2025 revisions only', 200, versions(['2025-11-25', '2025-06-18']), '2025'],
  ['one with 2025 and newer revisions', 200, versions(['2025-11-25', '2027-01-01']), '2025'],
  ['one with newer revisions only', 200, versions(['2027-01-01']), 'newer'],
  ['a refused version where the list has it', 400, unsupported(['2026-07-28']), 'askAgain'],
  ['a refused version with 2025 revisions only', 400, unsupported(['2025-06-18']), '2025'],
  ['a refused version with 2025 and newer revisions', 400, unsupported(['2027-01-01', '2025-11-25']), '2025'],
  ['a refused version with newer revisions only', 400, unsupported(['2026-11-01', '2027-01-01']), 'newer'],
  ['the same with status 200', 200, unsupported(['2027-01-01']), 'newer'],
  ['a header mismatch', 400, error(-32020), 'stripped'],
  ['a missing capability', 400, error(-32021, { requiredCapabilities: { sampling: {} } }), 'stripped'],
  ['an unknown method', 200, error(-32601), '2025'],
  ['an unknown method with 404', 404, error(-32601), '2025'],
  ['a server that is not initialized', 400, error(-32000), '2025'],
  ['invalid params', 200, error(-32602), '2025'],
  [
    'an error that names no id',
    400,
    { jsonrpc: '2.0', id: null, error: { code: -32022, data: { supported: ['2026-07-28'] } } },
    'askAgain',
  ],
  ['an error without a code', 400, { jsonrpc: '2.0', id: 'a', error: 'no' }, '2025'],
  ['a code that is a text', 400, error('-32020'), '2025'],
  ['a refused version without a list', 400, error(-32022), '2025'],
  ['a refused version whose list is none', 400, unsupported('2026-07-28'), '2025'],
  ['a refused version with an empty list', 400, unsupported([]), '2025'],
  ['an empty 404', 404, '', '2025'],
  ['a page with 404', 404, '<!doctype html><title>Not Found</title>', '2025'],
  ['405 in words', 405, 'Method Not Allowed', '2025'],
  ['406', 406, '{"error":"not acceptable"}', '2025'],
  ['415', 415, '', '2025'],
  ['202 without a body', 202, '', '2025'],
  ['words', 200, 'Accepted', '2025'],
  ['an empty result', 200, result({}), '2025'],
  ['a result that is no object', 200, result(['2026-07-28']), '2025'],
  ['the params sent back', 200, result({ _meta: { 'io.modelcontextprotocol/protocolVersion': '2026-07-28' } }), '2025'],
  ['an InitializeResult', 200, result({ protocolVersion: '2026-07-28', capabilities: {}, serverInfo: {} }), '2025'],
  ['versions that are one text', 200, versions('2026-07-28'), '2025'],
  ['versions that are an object', 200, versions({ 0: '2026-07-28' }), '2025'],
  ['versions that are null', 200, versions(null), '2025'],
  ['no versions at all', 200, versions([]), '2025'],
  [
    'versions of other types beside a good one',
    200,
    versions([null, 20260728, ['2026-07-28'], {}, '2026-07-28']),
    '2026',
  ],
  ['versions of other types only', 200, versions([null, 20260728, {}]), '2025'],
  ['versions that are no dates', 200, versions(['DRAFT-2026-v1', 'latest', '9999', '2026-07-28 ']), '2025'],
  ['a batch', 200, [versions(['2026-07-28'])], '2025'],
  ['JSON of another kind', 200, { supportedVersions: ['2026-07-28'] }, '2025'],
  [
    'JSON-RPC of another version',
    200,
    { jsonrpc: '1.0', id: 'a', result: { supportedVersions: ['2026-07-28'] } },
    '2025',
  ],
  ['null', 200, 'null', '2025'],
])('%s (%i) is judged', (_, status, body, verdict) => {
  expect(ofBody(status, body)).toBe(verdict)
})

test.each([100, 301, 302, 307, 401, 403, 407, 408, 425, 429, 500, 502, 503, 504, 530])(
  'status %i is no evidence, whatever its body says',
  (status) => {
    const bodies = [versions(['2026-07-28']), unsupported(['2027-01-01']), error(-32601), error(-32020), '', '<html>']
    expect(bodies.map((body) => ofBody(status, body))).toEqual(bodies.map(() => undefined))
  },
)

test.each([
  ['a page', '<!doctype html><title>Sign in</title>'],
  ['a page after white space', '\n\n  <html lang="en">'],
  ['the cut beginning of a JSON text', '{"jsonrpc":"2.0","id":"a","result":{"supportedVersions":["2026-07-2'],
  ['the cut beginning of a batch', '[{"jsonrpc":"2.0"'],
  [
    'a stream that ended before its answer',
    'event: message\ndata: {"jsonrpc":"2.0","method":"notifications/message"}\n\n',
  ],
  ['a stream that was cut in its answer', 'event: message\ndata: {"jsonrpc":"2.0","id":"a","resul'],
  ['a stream of comments', ': ping\n\n: ping\n\n'],
])('%s with status 200 is no evidence', (_, body) => {
  expect(ofBody(200, body)).toBeUndefined()
})

test.each(['invalid_token', 'insufficient_scope'])(
  'a refusal of the token (%s) is no evidence, whatever its status',
  (code) => {
    for (const status of [200, 400, 404])
      expect(ofBody(status, { error: code, error_description: 'no' })).toBeUndefined()
  },
)

test('the cut beginning of a refusal is no evidence', () => {
  const cut = JSON.stringify(unsupported(['2026-07-28'])).slice(0, -1)
  expect(ofBody(400, cut)).toBeUndefined()
  expect(ofBody(400, `data: ${cut}\n\n`)).toBeUndefined()
})

test.each([
  ['one event', (json: string) => `event: message\ndata: ${json}\n\n`],
  ['CR and LF', (json: string) => `id: 1\r\nevent: message\r\ndata:${json}\r\n\r\n`],
  ['CR only', (json: string) => `data: ${json}\r\r`],
  ['no empty line at the end', (json: string) => `data: ${json}`],
  ['a byte order mark', (json: string) => `\ufeffdata: ${json}\n\n`],
  ['several lines of data', (json: string) => `data: ${json.slice(0, 16)}\ndata: ${json.slice(16)}\n\n`],
  [
    'comments, empty events and notifications before it',
    (json: string) =>
      `: hello\n\nretry: 100\n\nid: 1\ndata:\n\ndata: {"jsonrpc":"2.0","method":"notifications/message"}\n\ndata: {"jsonrpc":"2.0","id":1,"method":"ping"}\n\ndata: ${json}\n\n`,
  ],
])('the answer in an event stream is judged like JSON: %s', (_, stream) => {
  expect(ofBody(200, stream(JSON.stringify(versions(['2026-07-28']))))).toBe('2026')
  expect(ofBody(400, stream(JSON.stringify(unsupported(['2027-01-01']))))).toBe('newer')
  expect(ofBody(200, stream(JSON.stringify(error(-32601))))).toBe('2025')
})

test('a byte order mark, white space and bytes that are not UTF-8 hinder nobody', () => {
  const json = JSON.stringify(versions(['2026-07-28']))
  expect(ofBody(200, `\ufeff\n ${json} \r\n`)).toBe('2026')
  const broken = Buffer.concat([
    bytes(json.slice(0, -2)),
    bytes(',"instructions":"'),
    Buffer.from([0xff, 0xc3]),
    bytes('"}}'),
  ])
  expect(judge({ status: 200, body: broken })).toBe('2026')
})

test('a huge body and a deep one are judged', () => {
  const instructions = '\\" '.repeat(3_000_000)
  const huge = `{"jsonrpc":"2.0","id":"a","result":{"instructions":"${instructions}","supportedVersions":["2026-07-28"]}}`
  expect(readDiscover({ status: 200, body: bytes(huge) })).toEqual({
    verdict: '2026',
    revisions: ['2026-07-28'],
    discover: huge.slice('{"jsonrpc":"2.0","id":"a","result":'.length, -1),
  })
  expect(ofBody(200, `{"jsonrpc":"2.0","id":1,"result":${'['.repeat(200_000)}${']'.repeat(200_000)}}`)).toBe('2025')
  expect(ofBody(200, '['.repeat(2_000_000))).toBeUndefined()
})

test('the DiscoverResult is given as the server wrote it', () => {
  const text =
    '{ "supportedVersions":["2026-07-28"] , "capabilities":{"x":{"big":12345678901234567890,"e":"\\u00e9,}\\""}}, "ttlMs":1.0 }'
  const body = (json: string) => readDiscover({ status: 200, body: bytes(json) }).discover
  expect(body(`{"jsonrpc":"2.0","result" : ${text} ,"id":1}`)).toBe(text)
  expect(
    body(`{"id":"result","other":{"result":{}},"list":["result",{"result":1}],"result":${text},"jsonrpc":"2.0"}`),
  ).toBe(text)
  expect(body(`{"result":{"a":1},"re\\u0073ult":${text},"jsonrpc":"2.0","id":1}`)).toBe(text)
  expect(body(`data: {"jsonrpc":"2.0","id":1,\ndata: "result":${text}}\n\n`)).toBe(text)
})

test('the revisions are named as the server named them, and a result only where 2026-07-28 is spoken', () => {
  const of = (body: unknown) => readDiscover({ status: 200, body: bytes(body) })
  expect(of(unsupported(['2027-01-01', 7, '2028-01-01']))).toEqual({
    verdict: 'newer',
    revisions: ['2027-01-01', '2028-01-01'],
  })
  expect(of(versions(['2025-11-25']))).toEqual({ verdict: '2025', revisions: ['2025-11-25'] })
  expect(of(error(-32601))).toEqual({ verdict: '2025', revisions: [] })
})

test('the eras of a server are told from what is remembered of it', () => {
  const discover = (versions: unknown) => JSON.stringify({ supportedVersions: versions })
  expect(erasOf(undefined)).toEqual([])
  expect(erasOf({ era: '2025' })).toEqual(['2025'])
  expect(erasOf({ era: '2026' })).toEqual(['2026'])
  expect(erasOf({ era: '2026', discover: discover(['2026-07-28', '2027-01-01']) })).toEqual(['2026'])
  expect(erasOf({ era: '2026', discover: discover(['2026-07-28', '2025-06-18']) })).toEqual(['2026', '2025'])
  for (const odd of ['', 'null', '[]', '{}', discover('2025-06-18'), discover([2025, null]), '{'])
    expect(erasOf({ era: '2026', discover: odd })).toEqual(['2026'])
})
