// workerd with @cloudflare/workers-oauth-provider (worker.js), behind a door that says what passes.
import { spawn } from 'node:child_process'
import { request as httpRequest } from 'node:http'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { accessSeconds, listen, ready } from './kit.js'

const { default: program } = createRequire(import.meta.url)('workerd')
const config = fileURLToPath(new URL('workerd.capnp', import.meta.url))
const words = ['serve', config, '--control-fd=1']
const worker = spawn(program, words, {
  env: { ...process.env, ACCESS_SECONDS: String(accessSeconds) },
  stdio: ['ignore', 'pipe', 'inherit'],
})
process.on('exit', () => worker.kill('SIGKILL'))
process.on('SIGTERM', () => process.exit())

/** It says where it listens. */
const inner = await new Promise((resolve) => {
  worker.stdout.on('data', (chunk) => {
    for (const line of String(chunk).split('\n').filter(Boolean)) {
      const { event, port } = JSON.parse(line)
      if (event === 'listen') resolve(port)
    }
  })
})

await listen((request, response) => {
  const onward = httpRequest(
    { host: '127.0.0.1', port: inner, path: request.url, method: request.method, headers: request.headers },
    (answer) => {
      response.writeHead(answer.statusCode, answer.headers)
      answer.pipe(response)
    },
  )
  onward.on('error', () => response.destroy())
  request.pipe(onward)
})

const tell = (name) => fetch(`http://127.0.0.1:${inner}/command/${name}`)
ready({ expire: () => tell('expire'), revoke: () => tell('revoke') })
