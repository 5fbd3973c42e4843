// Lends connections of the pool, and none to a server that only reads since another one took over
import type pg from 'pg'
import { isReadOnly } from './errors.ts'

/** Lends a connection for one piece of work. `leave`: nobody else gets it afterwards. */
type Connected = <T>(work: (client: pg.PoolClient, leave: (why: Error) => void) => Promise<T>) => Promise<T>

/**
 * After a failover, connections may stand to the server that was the primary and only reads now. Once one of them is found, nobody
 * gets one that is as old as it is: what it reads is of the past as well.
 */
export function createConnections(pool: pg.Pool): Connected {
  let generation = 0
  const generations = new WeakMap<object, number>()
  pool.on('connect', (client) => generations.set(client, generation))
  const isOld = (client: pg.PoolClient) => generations.get(client) !== generation
  const lend = async (): Promise<pg.PoolClient> => {
    const client = await pool.connect()
    if (!isOld(client)) return client
    client.release(true)
    return lend()
  }
  return async (work) => {
    const client = await lend()
    let broken: Error | undefined
    const leave = (why: Error) => {
      broken = why
    }
    // Without it, a connection that breaks now would end the process.
    client.on('error', leave)
    try {
      return await work(client, leave)
    } catch (thrown) {
      if (isReadOnly(thrown) && !isOld(client)) generation++
      throw thrown
    } finally {
      client.off('error', leave)
      client.release(broken)
    }
  }
}
