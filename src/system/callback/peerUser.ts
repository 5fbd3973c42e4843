// Finds the user at the other end of a loopback connection, if the system tells: Linux lists the user of every socket.
import { readFileSync } from 'node:fs'
import type { Socket } from 'node:net'

export type Ends = Pick<Socket, 'localAddress' | 'localPort' | 'remoteAddress' | 'remotePort'>

export interface Machine {
  /** The text of a file; undefined where it cannot be read. */
  readonly read: (path: string) => string | undefined
  readonly environment: NodeJS.ProcessEnv
  /** undefined: the system has no such numbers. */
  readonly uid: number | undefined
}

const here = (): Machine => ({
  environment: process.env,
  uid: process.getuid?.(),
  read(path) {
    try {
      return readFileSync(path, 'utf8')
    } catch {
      return undefined
    }
  },
})

/**
 * True where another user's process holds the other end, or has let go of it: whoever waits for the answer is there. `ps` shows the address
 * of a sign-in to everybody on the machine, and with its state they could finish it with an account of their own.
 */
export function isForeignPeer(ends: Ends, { read, environment, uid }: Machine = here()): boolean {
  const { localAddress = '', localPort = 0, remoteAddress, remotePort = 0 } = ends
  if (uid === undefined) return false
  // A connection that was reset has no other end any more, and its bytes are read all the same.
  if (remoteAddress === undefined) return true
  if (!isLoopback(remoteAddress)) return false
  const rows = ['/proc/net/tcp', '/proc/net/tcp6'].flatMap((path) => (read(path) ?? '').split('\n').slice(1).map(toRow))
  const ours = spelt(localAddress, localPort)
  const theirs = spelt(remoteAddress, remotePort)
  // A system that does not show where we listen shows nothing.
  if (!rows.some(({ from, state }) => state === LISTEN && portOf(from) === portOf(ours))) return false
  const peer = rows.find(({ from, to }) => from === theirs && to === ours)
  // Windows' browser may stand outside of what its Linux lists.
  if (peer === undefined) return !/microsoft/i.test(read('/proc/version') ?? '')
  // An end that nobody holds any more is listed under root.
  if (peer.inode === '0') return true
  const trusted = [uid, 0, ...(uid === 0 && environment.SUDO_UID ? [Number(environment.SUDO_UID)] : [])]
  return !trusted.includes(Number(peer.uid))
}

const isLoopback = (address: string) => /^(::ffff:)?127\.|^::1$/.test(address)

/** proc_pid_net(5): `sl local remote st queues timer retransmits uid timeout inode …` */
function toRow(line: string) {
  const [, from = '', to = '', state = '', , , , uid = '', , inode = ''] = line.trim().split(/\s+/)
  return { from, to, state, uid, inode }
}

const LISTEN = '0A'
const portOf = (end: string) => end.slice(end.indexOf(':'))

/** As that list spells it: words of 32 bits in the machine's own order, in hexadecimal. */
function spelt(address: string, port: number): string {
  const mapped = address.startsWith('::ffff:')
  const last = address.replace('::ffff:', '')
  const v4 = last.includes('.') ? last.split('.').map(Number) : undefined
  const bytes = v4 && !mapped ? v4 : [...Array<number>(10).fill(0), ...(v4 ? [255, 255, ...v4] : [0, 0, 0, 0, 0, 1])]
  const words = Buffer.from(bytes)
  if (LITTLE_ENDIAN) words.swap32()
  return `${words.toString('hex').toUpperCase()}:${port.toString(16).toUpperCase().padStart(4, '0')}`
}

const LITTLE_ENDIAN = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1
