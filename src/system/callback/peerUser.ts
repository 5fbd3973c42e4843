// Finds the user at the other end of a loopback connection, if the system tells: Linux lists the user of every socket.
import { readFileSync } from 'node:fs'
import type { Socket } from 'node:net'

export type Ends = Pick<Socket, 'localAddress' | 'localPort' | 'remoteAddress' | 'remotePort'>

export interface Machine {
  /** The text of a file; undefined if it cannot be read. */
  readonly read: (path: string) => string | undefined
  readonly environment: NodeJS.ProcessEnv
  /** undefined: the system has no user ids. */
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
 * True if another user's process holds the other end, or has closed it: a legitimate sender waits for the response. `ps` shows the address
 * of a sign-in to everybody on the machine, and with its state they could finish it with their own account.
 */
export function isForeignPeer(ends: Ends, { read, environment, uid }: Machine = here()): boolean {
  const { localAddress = '', localPort = 0, remoteAddress, remotePort = 0 } = ends
  if (uid === undefined) return false
  // A connection that was reset has no other end, but its bytes are still read.
  if (remoteAddress === undefined) return true
  if (!isLoopback(remoteAddress)) return false
  const rows = ['/proc/net/tcp', '/proc/net/tcp6'].flatMap((path) => (read(path) ?? '').split('\n').slice(1).map(toRow))
  const ours = spelt(localAddress, localPort)
  const theirs = spelt(remoteAddress, remotePort)
  // If the system does not list our own listener, the list is useless.
  if (!rows.some(({ from, state }) => state === LISTEN && portOf(from) === portOf(ours))) return false
  const peer = rows.find(({ from, to }) => from === theirs && to === ours)
  // The list of WSL may not contain the Windows browser.
  if (peer === undefined) return !/microsoft/i.test(read('/proc/version') ?? '')
  // A closed end is listed under root.
  if (peer.inode === '0') return true
  const trusted = [uid, 0, ...(uid === 0 && environment.SUDO_UID ? [Number(environment.SUDO_UID)] : [])]
  return !trusted.includes(Number(peer.uid))
}

/** What the person reads in a browser that is refused. In a container, root has nothing to do with who started it. */
export const foreignPeerText = ({ environment, uid }: Pick<Machine, 'environment' | 'uid'> = here()): string => {
  const why = 'Forbidden: the request comes from another user of this computer'
  return uid === 0 && !environment.SUDO_UID
    ? `${why}.\nmcp-oauth-bridge runs as root: start it as the user of this browser, in a container with --user "$(id -u):$(id -g)".`
    : `${why}.`
}

const isLoopback = (address: string) => /^(::ffff:)?127\.|^::1$/.test(address)

/** proc_pid_net(5): `sl local remote st queues timer retransmits uid timeout inode …` */
function toRow(line: string) {
  const [, from = '', to = '', state = '', , , , uid = '', , inode = ''] = line.trim().split(/\s+/)
  return { from, to, state, uid, inode }
}

const LISTEN = '0A'
const portOf = (end: string) => end.slice(end.indexOf(':'))

/** The format of that list: 32-bit words in the machine's byte order, in hexadecimal. */
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
