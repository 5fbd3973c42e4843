// A database that follows its file: if the file was deleted or replaced, the next access opens the new one.
import { statSync } from 'node:fs'
import type { Database } from './database.ts'

/** Time between two checks of the folder, in ms, so that not every message pays for one. */
const LOOK_MS = 100

/** `follow` and `version` perform the check. */
export function followFile(file: string, open: () => Database): Database {
  let database = open()
  // While it is open, no other file can have its number.
  let opened = identity(file)
  let looked = performance.now()
  let times = 0

  const look = () => {
    const now = performance.now()
    if (now - looked < LOOK_MS) return
    looked = now
    if (identity(file) === opened) return
    const next = open()
    database.close()
    database = next
    opened = identity(file)
    times++
  }

  return {
    get driver() {
      return database.driver
    },
    exec: (sql) => database.exec(sql),
    run: (sql, ...values) => database.run(sql, ...values),
    get: (sql, ...values) => database.get(sql, ...values),
    all: (sql, ...values) => database.all(sql, ...values),
    transaction: (work) => database.transaction(work),
    snapshot: (work) => database.snapshot(work),
    follow: look,
    version() {
      look()
      return times * 2 ** 32 + database.version()
    },
    close: () => database.close(),
  }
}

/** undefined: there is no such file. A file that takes its place has another one. */
export function identity(file: string): string | undefined {
  const found = statSync(file, { throwIfNoEntry: false })
  return found && `${found.dev} ${found.ino}`
}
