// Loaded before the program (--import): the system refuses chosen calls, as Windows does for a file that is open, or a full disk.
// REFUSED is JSON: [{ "call": "renameSync", "path": "a pattern", "code": "EBUSY", "times": 2 }]; without `times`, always.
// `meanwhile` is what the other program writes while it has its file open.
import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import net from 'node:net'

/** @type {{ call: string, path: string, code: string, times?: number, meanwhile?: { file: string, text: string } }[]} */
const refused = JSON.parse(process.env.REFUSED ?? '[]')
const { writeFileSync: writeFile } = fs
/** What an open descriptor leads to. @type {Map<number, string>} */
const opened = new Map()

/** @param {string} call @param {string} path */
function refusal(call, path) {
  const rule = refused.find((one) => one.call === call && new RegExp(one.path).test(path) && (one.times ?? 1) > 0)
  if (!rule) return undefined
  if (rule.times !== undefined) rule.times--
  if (rule.meanwhile) writeFile(rule.meanwhile.file, rule.meanwhile.text)
  return Object.assign(new Error(`${rule.code}: refused, ${call} '${path}'`), { code: rule.code, syscall: call })
}

const calls = /** @type {Record<string, any>} */ (/** @type {unknown} */ (fs))
for (const call of [
  'renameSync',
  'rmSync',
  'writeFileSync',
  'openSync',
  'readFileSync',
  'appendFileSync',
  'chmodSync',
]) {
  const real = calls[call]
  calls[call] = (/** @type {any[]} */ ...words) => {
    const [target] = words
    const error = refusal(call, String(typeof target === 'number' ? opened.get(target) : target))
    if (error) throw error
    const result = real(...words)
    if (call === 'openSync') opened.set(result, String(target))
    return result
  }
}
syncBuiltinESMExports()

const listen = net.Server.prototype.listen
net.Server.prototype.listen = /** @this {any} */ function (/** @type {any[]} */ ...words) {
  const error = refusal('listen', String(words[0]))
  if (!error) return Reflect.apply(listen, this, words)
  process.nextTick(() => this.emit('error', error))
  return this
}
