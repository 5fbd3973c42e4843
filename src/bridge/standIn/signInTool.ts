// The tool that stands for the sign-in on the host's list of tools: its name, its description, and what calling it says.
import type { BridgeError } from '../../errors.ts'
import { hideKnown } from '../../redaction/known.ts'
import { withoutControls, withoutQueries } from '../../redaction/text.ts'
import { isObject } from './answers.ts'

/** Hosts that do not ask for a list again after list_changed, by the name in their clientInfo, and where that was seen. */
const READ_ONCE: Readonly<Record<string, string>> = {
  // Codex CLI 0.169.0, 2026-11-25.
  'codex-mcp-client': 'Codex',
}

/** What a person has to do there; undefined: nothing. */
export function restartNote(host: string | undefined): string | undefined {
  const name = host !== undefined && Object.hasOwn(READ_ONCE, host) ? READ_ONCE[host] : undefined
  return name && `${name} loads the list of tools only when it starts, so restart ${name} to use them.`
}

const NAMES = ['sign_in', 'sign_in_to_server']

/** A name that no tool of the server has. */
export function freeName(tools: readonly unknown[]): string {
  const taken = new Set(tools.map((tool) => (isObject(tool) ? tool.name : undefined)))
  const free = NAMES.find((name) => !taken.has(name))
  if (free !== undefined) return free
  for (let at = 2; ; at++) if (!taken.has(`${NAMES[1]}_${at}`)) return `${NAMES[1]}_${at}`
}

export interface Words {
  /** The server's URL as a model may see it. */
  readonly server: string
  /** What signs a person in. */
  readonly loginCommand: string
}

/** `reason`: why the server is not there. */
export const signInTool = (name: string, reason: BridgeError | undefined, words: Words) => ({
  name,
  title: 'Sign in',
  description: [
    `Signs the user in to ${words.server}. The tools of the server can be used after the sign-in.`,
    ...(reason ? [`Now: ${whatOf(reason)}`, `Call this tool to ${verbOf(reason)}.`, remedyOf(reason, words)] : []),
  ].join(' '),
  inputSchema: { type: 'object', properties: {} },
  annotations: { idempotentHint: true, openWorldHint: true },
})

const verbOf = ({ code }: BridgeError) => (code === 'not_signed_in' ? 'sign in' : 'try again')

/** What happened, and what a person can do about it. */
export const reasonText = (reason: BridgeError, words: Words) => `${whatOf(reason)} ${remedyOf(reason, words)}`

const whatOf = ({ message }: BridgeError) => {
  const text = plain(message)
  return /[.!?]$/.test(text) ? text : `${text}.`
}

/** A command may be its end, so nothing is put after that. */
const remedyOf = ({ code, hint }: BridgeError, { loginCommand }: Words) =>
  code === 'not_signed_in' ? `The user can also run: ${loginCommand}` : plain(hint)

/** Without secrets in the server’s address or headers. */
const plain = (text: string) => hideKnown(withoutQueries(text))

export interface Account {
  /** `unknown`: nobody was ever signed in to this server, so it may need no sign-in. */
  readonly state: 'signedIn' | 'signedOut' | 'unknown'
  /** E-mail address or name; undefined: the authorization server tells neither. */
  readonly name?: string | undefined
}

export interface Available {
  readonly tools: number
  /** There are more pages. */
  readonly more: boolean
}

/**
 * The result of a call that came to its end. `host`: the name in its clientInfo; it was `told` to load the tools, or `asks` by
 * itself.
 */
export function doneText(
  { state, name }: Account,
  tools: Available | undefined,
  host: string | undefined,
  loads: keyof typeof LOADS = 'told',
): string {
  const who = name === undefined ? 'You are signed in.' : `You are signed in as ${shortened(name)}.`
  const about = state === 'signedIn' ? who : 'This server needs no sign-in.'
  if (!tools) return about
  const count = `${tools.more ? 'More than ' : ''}${tools.tools} ${tools.tools === 1 && !tools.more ? 'tool is' : 'tools are'}`
  const note = restartNote(host) ?? LOADS[loads]
  return `${about} ${count} available; ${note}`
}

const LOADS = {
  told: 'the host has been told to load them, so they can be called now.',
  asks: 'the host has them as soon as it asks for the list of tools again.',
} as const

const shortened = (name: string) => withoutControls(name).slice(0, 200)

export const pendingText = (address: string | undefined, { server }: Words): string =>
  address === undefined
    ? `The user has to sign in to ${server}. The address for it is not known yet: call this tool again in a moment.`
    : `The user has to sign in to ${server} at this address: ${address}\nShow the address to the user, and call this tool again afterwards.`

export const toolResult = (text: string, isError: boolean) => ({
  content: [{ type: 'text', text }],
  ...(isError ? { isError } : {}),
})
