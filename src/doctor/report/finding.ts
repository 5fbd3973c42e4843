// The result of a check: its status, the evidence, and the remedy.
import { type BridgeError, ERRORS, type ErrorCode } from '../../errors.ts'
import { withOwnCommands } from '../../ownCommand.ts'
import { present } from '../../present.ts'

export interface Outcome {
  readonly status: 'pass' | 'warn' | 'fail' | 'skip'
  /** The evidence, in one or two sentences; never a secret. */
  readonly detail: string
  /** What the person can do; null where there is nothing to do. */
  readonly remedy: string | null
  /** The error that a bridge or sign-in would end in. */
  readonly code?: ErrorCode
}

export interface Finding extends Outcome {
  readonly name: string
  /** What it is about, where several servers were examined: a URL, with the profile. */
  readonly server?: string
}

export const pass = (detail: string): Outcome => ({ status: 'pass', detail, remedy: null })
export const skip = (detail: string): Outcome => ({ status: 'skip', detail: withOwnCommands(detail), remedy: null })
export const warn = (detail: string, remedy: string | null, code?: ErrorCode): Outcome => ({
  status: 'warn',
  detail,
  remedy: remedy === null ? null : withOwnCommands(remedy),
  ...present({ code }),
})
export const fail = (code: ErrorCode, detail: string, remedy: string = ERRORS[code].hint): Outcome => ({
  status: 'fail',
  detail,
  remedy: withOwnCommands(remedy),
  code,
})

/** The verdict that a bridge or sign-in would give. */
export const failed = ({ code, message, hint }: BridgeError): Outcome => fail(code, message, hint)
