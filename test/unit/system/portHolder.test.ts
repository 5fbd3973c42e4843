// Who holds a port, where the system tells.
import { expect, test } from 'vitest'
import { portHolder } from '../../../src/system/portHolder.ts'
import { freePort, silentListener } from '../../fakes/loopback.ts'

test.runIf(process.platform === 'linux').each(['127.0.0.1', '::1'])(
  'a port that we hold on %s is held by this process',
  async (address) => {
    const { port } = await silentListener(address)
    expect(await portHolder(port)).toContain(`(pid ${process.pid})`)
  },
)

test('a free port is held by nobody', async () => {
  expect(await portHolder(await freePort())).toBeUndefined()
})
