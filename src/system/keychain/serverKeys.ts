// The sealing keys of a server, newest first: from a variable, a mounted file, or what a configured command prints.
import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { BridgeError } from '../../errors.ts'
import { registerSecret } from '../../redaction/register.ts'
import { quote } from '../../redaction/text.ts'

export interface ServerKeyOptions {
  readonly environment: NodeJS.ProcessEnv
  /** What a relative path in MCP_OAUTH_BRIDGE_KEY_FILE is relative to. */
  readonly folder: string
  /** Program and arguments of `serve.key_command`. */
  readonly command: readonly string[] | undefined
}

const REMEDY =
  'A key is 32 bytes in base64: openssl rand -base64 32. Several are separated by commas or line breaks, newest first.'
const LARGEST = 64 * 1024

/** Empty: none is configured. Each has 32 bytes; none comes twice. @throws BridgeError config_invalid, config_not_found, key_missing */
export async function readServerKeys({ environment, folder, command }: ServerKeyOptions): Promise<Uint8Array[]> {
  const { MCP_OAUTH_BRIDGE_KEY: text, MCP_OAUTH_BRIDGE_KEY_FILE: file } = environment
  const given = [
    ...(text ? ['MCP_OAUTH_BRIDGE_KEY'] : []),
    ...(file ? ['MCP_OAUTH_BRIDGE_KEY_FILE'] : []),
    ...(command ? ['serve.key_command'] : []),
  ]
  const [source, other] = given
  if (source === undefined) return []
  if (other !== undefined)
    throw new BridgeError('config_invalid', {
      message: `${given.join(' and ')} are both set, and it is not clear which keys count.`,
      hint: 'Keep one of them. Put all keys there, newest first.',
    })
  if (command) return keysIn(await printed(command), 'What serve.key_command printed')
  return text ? keysIn(text, source) : keysIn(readKeyFile(resolve(folder, file ?? '')), `The file of ${source}`)
}

/** Loaded where one is configured. */
const printed = async (command: readonly string[]) => (await import('./keyCommand.ts')).keyCommand(command)

function keysIn(text: string, source: string): Uint8Array[] {
  const words = text.split(/[\s,]+/).filter((word) => word !== '')
  registerSecret(words)
  if (words.length === 0) throw new BridgeError('key_missing', { message: `${source} holds no key.`, hint: REMEDY })
  const keys = new Map<string, Uint8Array>()
  for (const [at, word] of words.entries()) {
    const key = Buffer.from(word, 'base64')
    if (!/^[\w+/-]{43}=?$/.test(word) || key.length !== 32)
      throw new BridgeError('key_missing', {
        message: `${source}: ${words.length === 1 ? 'the key' : `key ${at + 1} of ${words.length}`} is not 32 bytes of base64.`,
        hint: REMEDY,
      })
    keys.set(key.toString('base64'), key)
  }
  return [...keys.values()]
}

function readKeyFile(path: string): string {
  let file: number | undefined
  try {
    file = openSync(path, 'r')
    const found = fstatSync(file)
    if (!found.isFile() || found.size > LARGEST) throw new Error('not a regular file of at most 64 KB')
    return readFileSync(file, 'utf8')
  } catch (cause) {
    throw new BridgeError('config_not_found', {
      message: `The key file ${quote(path)} of MCP_OAUTH_BRIDGE_KEY_FILE cannot be read: ${whyOf(cause)}.`,
      hint: 'Check the path, and that this user may read the file.',
      cause,
    })
  } finally {
    if (file !== undefined) closeSync(file)
  }
}

const WORDS: Readonly<Record<string, string>> = {
  ENOENT: 'it does not exist',
  EACCES: 'permission denied',
  EISDIR: 'it is a folder',
}

const whyOf = (thrown: unknown) => {
  const { code, message } = thrown as NodeJS.ErrnoException
  return code === undefined ? message : (WORDS[code] ?? code)
}
