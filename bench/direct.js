// The lower bound: a keep-alive node:http client that talks to the server without stdio; run as a program, it sends `initialize` and prints the answer.
import { Agent, request } from 'node:http'
import { pathToFileURL } from 'node:url'

const agent = new Agent({ keepAlive: true })

/** Sends one message and resolves to the whole body of the answer. @returns {Promise<Buffer>} */
export function post(/** @type {string} */ url, /** @type {string} */ bearer, /** @type {string} */ message) {
  return new Promise((resolve, reject) => {
    const headers = {
      authorization: `Bearer ${bearer}`,
      accept: 'application/json, text/event-stream',
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(message),
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
  const { SERVER_URL = '', BEARER = '', INITIALIZE = '' } = process.env
  const answer = await post(SERVER_URL, BEARER, INITIALIZE)
  process.stdout.write(Buffer.concat([answer, Buffer.of(10)]))
  process.stdin.resume().once('end', () => process.exit())
}
