// The lower bound: a keep-alive node:http client that talks to the server without stdio; run as a program, it sends a host's opening and prints the answer.
import { Agent, request } from 'node:http'
import { pathToFileURL } from 'node:url'
import { modernHeaders } from './messages.js'

const agent = new Agent({ keepAlive: true })

/**
 * Sends one message and resolves to the whole body of the answer.
 * @param {string} url @param {string} bearer @param {import('./messages.js').Era} era @param {string} message
 * @returns {Promise<Buffer>}
 */
export function post(url, bearer, era, message) {
  return new Promise((resolve, reject) => {
    const headers = {
      authorization: `Bearer ${bearer}`,
      accept: 'application/json, text/event-stream',
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(message),
      ...(era === '2026' ? modernHeaders(message) : {}),
    }
    const sent = request(url, { agent, method: 'POST', headers }, (response) => {
      /** @type {Buffer[]} */
      const chunks = []
      response.on('data', (chunk) => chunks.push(chunk))
      response.on('end', () => resolve(chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks)))
    })
    sent.on('error', reject)
    sent.end(message)
  })
}

/** Closes the connections that were kept open. */
export const hangUp = () => agent.destroy()

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const { SERVER_URL = '', BEARER = '', ERA, OPENING = '' } = process.env
  const answer = await post(SERVER_URL, BEARER, ERA === '2026' ? '2026' : '2025', OPENING)
  process.stdout.write(Buffer.concat([answer, Buffer.of(10)]))
  process.stdin.resume().once('end', () => process.exit())
}
