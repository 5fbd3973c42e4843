// Who is at the other end of a connection to the callback, from the lists of a Linux kernel.
import { expect, test } from 'vitest'
import { foreignPeerText, isForeignPeer, type Machine } from '../../../../src/system/callback/peerUser.ts'

const HEAD = '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode'
const row = (from: string, to: string, uid: number, inode: number) =>
  `   1: ${from} ${to} 01 00000000:00000000 00:00000000 00000000  ${uid}        0 ${inode} 1 0000000000000000 20 4 30 10 -1`
const OURS = '0100007F:1F90'
const THEIRS = '0100007F:C350'
const ends = { localAddress: '127.0.0.1', localPort: 8080, remoteAddress: '127.0.0.1', remotePort: 50000 }
const listening = row(OURS, '00000000:0000', 1000, 10).replace(' 01 ', ' 0A ')
const server = row(OURS, THEIRS, 1000, 11)

function machine(
  tables: Record<string, readonly string[]>,
  more: Partial<Machine> & { version?: string } = {},
): Machine {
  const files: Record<string, string> = { '/proc/version': more.version ?? 'Linux version 6.8' }
  for (const [name, rows] of Object.entries(tables))
    files[`/proc/net/${name}`] = [HEAD, ...(rows.length === 0 ? [] : [listening]), ...rows, ''].join('\n')
  return { uid: 1000, environment: {}, read: (path) => files[path], ...more }
}

test.each([
  ['the same user', 1000, 12, false],
  ['root, who forwards ports', 0, 12, false],
  ['another user', 1001, 12, true],
  ['a user of another namespace', 65534, 12, true],
  ['nobody any more, which is listed under root', 0, 0, true],
])('a callback that is requested by %s', (_who, uid, inode, foreign) => {
  expect(isForeignPeer(ends, machine({ tcp: [server, row(THEIRS, OURS, uid, inode)] }))).toBe(foreign)
})

test('a sender that is gone before its callback is read does not count as this user', () => {
  expect(isForeignPeer(ends, machine({ tcp: [server] }))).toBe(true)
  // After a reset our own end is gone too, from the list and from the socket.
  expect(isForeignPeer(ends, machine({ tcp: [listening] }))).toBe(true)
  expect(isForeignPeer({ localPort: 8080 } as typeof ends, machine({ tcp: [listening] }))).toBe(true)
})

test('other connections with the same ports have no effect', () => {
  const other = row('0200007F:C350', OURS, 1001, 13)
  expect(isForeignPeer(ends, machine({ tcp: [server, other, row(THEIRS, OURS, 1000, 12)] }))).toBe(false)
})

test('IPv6 is read from its own list', () => {
  const six = '00000000000000000000000001000000'
  const rows = [row(`${six}:1F90`, `${six}:C350`, 1000, 1), row(`${six}:C350`, `${six}:1F90`, 1001, 2)]
  const over6 = { ...ends, localAddress: '::1', remoteAddress: '::1' }
  expect(isForeignPeer(over6, machine({ tcp: [listening], tcp6: rows }))).toBe(true)
})

test.each([
  ['a system without such numbers', machine({}, { uid: undefined })],
  ['a system that lists nothing', machine({ tcp: [] })],
  ['a system without the lists', machine({})],
  ['Windows around its Linux', machine({ tcp: [server] }, { version: 'Linux version 5.15-microsoft-standard-WSL2' })],
])('%s refuses nobody', (_what, machine) => {
  expect(isForeignPeer(ends, machine)).toBe(false)
})

test('an address that is not loopback refuses nobody, because a person configured it', () => {
  expect(isForeignPeer({ ...ends, remoteAddress: '10.0.0.7' }, machine({ tcp: [server] }))).toBe(false)
})

test('root by way of sudo has the browser of the person', () => {
  const tables = { tcp: [server, row(THEIRS, OURS, 1000, 12)] }
  expect(isForeignPeer(ends, machine(tables, { uid: 0, environment: { SUDO_UID: '1000' } }))).toBe(false)
  expect(isForeignPeer(ends, machine(tables, { uid: 0 }))).toBe(true)
})

test.each([
  ['root in a container', 0, {}, true],
  ['root by way of sudo', 0, { SUDO_UID: '1000' }, false],
  ['a person', 1000, {}, false],
])('%s who refuses a browser names the remedy only where it is one', (_who, uid, environment, named) => {
  const text = foreignPeerText({ uid, environment })
  expect(text).toContain('another user of this computer')
  expect(text.includes('--user "$(id -u):$(id -g)"')).toBe(named)
})
