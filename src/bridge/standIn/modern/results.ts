// The answers of MCP 2026-07-28 that a host gets in the server's place: nothing in them may be kept, so that the host asks again.
import { META, MODERN } from '../../era/revisions.ts'
import type { Message, RawId } from '../../message/message.ts'
import { type Bytes, find, whole } from '../../message/pick.ts'
import { textAt } from '../../message/scan.ts'
import { type Change, splice } from '../../message/splice.ts'
import { isObjectAt } from '../../message/walk.ts'
import { answerWith, instructionsFor, LISTS } from '../answers.ts'

/** A result that ends the request. */
export const complete = (result: object) => ({ resultType: 'complete', ...result })

/** The same of a list, which hosts may keep if they are not told otherwise ("Caching"). */
export const fleeting = (result: object) => ({ ...complete(result), ttlMs: 0, cacheScope: 'private' })

/** What is certain of a server that has not been asked yet. JSON text of a DiscoverResult. */
export const unknownServer = (server: string, version: string): string =>
  JSON.stringify(
    fleeting({
      supportedVersions: [MODERN],
      capabilities: { tools: { listChanged: true } },
      instructions: instructionsFor(server),
      _meta: { [META.server]: { name: 'mcp-oauth-bridge', version } },
    }),
  )

/** A DiscoverResult of the server as it holds now: its lists may change with the sign-in, and none of it may be kept. JSON text. */
export function remembered(discover: Bytes): string {
  const offered = (capability: string) => {
    const at = find(discover, ['capabilities', capability])
    return at !== undefined && isObjectAt(discover, at.start)
  }
  const capabilities = new Set(Object.values(LISTS).map(({ capability }) => capability))
  const result = splice(discover, [
    { path: ['resultType'], json: '"complete"' },
    { path: ['ttlMs'], json: '0' },
    { path: ['cacheScope'], json: '"private"' },
    ...[...capabilities].filter(offered).map(
      (capability): Change => ({
        path: ['capabilities', capability, 'listChanged'],
        json: 'true',
      }),
    ),
  ])
  return textAt(result, { start: whole(result).start, end: result.length })
}

/** `listen`: the id of the host's request. `params`: JSON text of further members. */
export const onListen = (listen: RawId, method: string, params = ''): Uint8Array =>
  Buffer.from(`{"jsonrpc":"2.0","method":"${method}","params":{"_meta":{"${META.subscription}":${listen}}${params}}}`)

/** The listen has ended as it should ("Subscriptions"). */
export const listenOver = (listen: Message): Uint8Array =>
  answerWith(listen, `{"resultType":"complete","_meta":{"${META.subscription}":${listen.asks[0]}}}`)
