// Starts the public conformance suite on every Node: it asks node:fs for globSync, which Node 20 has not and no scenario uses.
import { register } from 'node:module'

const shim = "export * from 'node:fs'; import * as fs from 'node:fs'; export const globSync = fs.globSync ?? (() => [])"
const hook = `export async function resolve(specifier, context, next) {
  const ours = specifier === 'fs' && context.parentURL?.includes('/@modelcontextprotocol/conformance/')
  return ours ? { url: ${JSON.stringify(`data:text/javascript,${encodeURIComponent(shim)}`)}, shortCircuit: true } : next(specifier, context)
}`
register(`data:text/javascript,${encodeURIComponent(hook)}`)
await import(new URL('../../node_modules/@modelcontextprotocol/conformance/dist/index.js', import.meta.url).href)
