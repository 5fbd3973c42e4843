// Lets the conformance suite load on Node 20: it names fs.globSync, which came with Node 22 and which its client scenarios do not use.
import { register } from 'node:module'

const shim = `import fs from 'node:fs'
export * from 'node:fs'
export const globSync = fs.globSync`
const hook = `export async function resolve(specifier, context, next) {
  if (specifier !== 'fs' || !context.parentURL?.includes('/@modelcontextprotocol/conformance/')) return next(specifier, context)
  return { url: ${JSON.stringify(`data:text/javascript,${encodeURIComponent(shim)}`)}, shortCircuit: true }
}`
register(`data:text/javascript,${encodeURIComponent(hook)}`)
