// The ids of questions: those that the server gives them, and those that the host has for them. An id that the host knows from a session that is
// over stands for no other question.
import type { RawId } from '../message/message.ts'

export interface QuestionIds {
  /** A question of the server: the id that the host gets. */
  ask(id: RawId): RawId
  /** The server takes it back; the id that the host has. */
  withdraw(id: RawId): RawId
  /** The host's answer: the id that the server gave, or the same if none was asked under it. undefined: that is void. */
  answer(id: RawId): RawId | undefined
  /** All that has no answer is void. Returns the ids that the host has for it, but for what the server itself has taken back. */
  giveUp(): readonly RawId[]
}

interface Open {
  /** The server's own id. */
  readonly id: RawId
  /** The server has taken it back, though an answer may still come. */
  isWithdrawn: boolean
}

/** As many questions without an answer are remembered, and as many void ids. */
const MOST = 1_000
/** A longer id is not remembered, in characters. */
const LONGEST = 1_024
/** How ids of this program begin. Questions of a server that have such ids are remembered like others. */
const OURS = '"mcp-oauth-bridge-'

/** They never repeat in one process. */
let given = 0

export function createQuestionIds(): QuestionIds {
  /** By the ids that the host has, the oldest first. */
  const open = new Map<RawId, Open>()
  const voided = new Set<RawId>()
  /** Some were not remembered. */
  let isIncomplete = false
  /** Not all void ids are known: none of the server's own is used any more. */
  let isEachOurs = false

  /** Whether the host knows this id for another question. */
  const isTaken = (id: RawId) => isEachOurs || voided.has(id) || (open.get(id)?.id ?? id) !== id

  const ours = (): RawId => {
    for (;;) {
      const id = `${OURS}r${++given}"`
      if (!open.has(id) && !voided.has(id)) return id
    }
  }

  const forgetOldest = () => {
    isIncomplete = true
    for (const oldest of open.keys()) return open.delete(oldest)
    return false
  }

  return {
    ask(id) {
      if (id.length > LONGEST) {
        isIncomplete = true
        return id
      }
      const hosts = isTaken(id) ? ours() : id
      open.set(hosts, { id, isWithdrawn: false })
      if (open.size > MOST) forgetOldest()
      return hosts
    },
    withdraw(id) {
      const hosts = isTaken(id) ? [...open].findLast(([, one]) => one.id === id)?.[0] : id
      const one = hosts === undefined ? undefined : open.get(hosts)
      if (one) one.isWithdrawn = true
      return hosts ?? id
    },
    answer(id) {
      const one = open.get(id)
      open.delete(id)
      if (one) return one.id
      return isEachOurs || voided.has(id) || id.startsWith(OURS) ? undefined : id
    },
    giveUp() {
      const untold: RawId[] = []
      for (const [hosts, { id, isWithdrawn }] of open) {
        if (!isWithdrawn) untold.push(hosts)
        // One of ours stands for nothing else.
        if (hosts === id) voided.add(hosts)
      }
      open.clear()
      if (isIncomplete || voided.size > MOST) {
        isEachOurs = true
        voided.clear()
      }
      return untold
    },
  }
}
