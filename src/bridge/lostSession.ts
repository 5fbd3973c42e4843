// How a server says that it has forgotten a session: 404 by the specification, other ways in the wild.
import { jsonOf, type Message } from './message.ts'

/** 404 by the specification ("Session Management"); servers also say 400 or 503 and name the session in the body. */
export function isSessionLost(status: number, start: Buffer): boolean {
  if (status === 404) return true
  return (status === 400 || status === 503) && /session/i.test(start.toString('utf8'))
}

/** Some say it in a JSON-RPC "Invalid Request", with whatever status: such a request was not looked at. */
export function namesLostSession(answer: Message): boolean {
  if (!answer.failed) return false
  const { error } = jsonOf(answer) as { error?: { code?: unknown; message?: unknown } }
  return error?.code === -32600 && typeof error.message === 'string' && /session/i.test(error.message)
}
