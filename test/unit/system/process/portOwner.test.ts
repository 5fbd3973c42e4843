// Who holds a port, where the system tells.
import { readFileSync, writeFileSync } from 'node:fs'
import { expect, onTestFinished, test } from 'vitest'
import { portHolder } from '../../../../src/system/process/portOwner.ts'
import { freePort, silentListener } from '../../../fakes/loopback.ts'
import { tempFolder } from '../../../fakes/tempFolder.ts'

const folder = tempFolder()

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

test.skipIf(process.platform === 'win32')(
  'lsof reports it on macOS, and gets no secret in its arguments or its environment',
  async () => {
    const lsof = folder.fresh('lsof')
    const script =
      '#!/bin/sh\nprintf "%s\\n" "$@" > "$0.words"\nenv > "$0.environment"\nprintf "p42\\ncpython3.11\\n"\n'
    writeFileSync(lsof, script, { mode: 0o755 })
    process.env.TEAM_TOKEN = 'needle'
    onTestFinished(() => void delete process.env.TEAM_TOKEN)
    expect(await portHolder(4711, { platform: 'darwin', lsof })).toBe('python3.11 (pid 42)')
    expect(readFileSync(`${lsof}.words`, 'utf8')).toBe('-nP\n-iTCP:4711\n-sTCP:LISTEN\n-Fpc\n')
    expect(readFileSync(`${lsof}.environment`, 'utf8')).not.toContain('needle')
  },
)
