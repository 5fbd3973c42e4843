// Who holds a port, where the system tells.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { portHolder } from '../../../../src/system/process/portOwner.ts'
import { silentListener } from '../../../fakes/loopback.ts'
import { tempFolder } from '../../../fakes/tempFolder.ts'
import { freePort } from '../../../servers/freePort.ts'

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

test('an lsof whose path leads through a file tells nothing', async () => {
  const file = folder.fresh('file')
  writeFileSync(file, '')
  expect(await portHolder(4711, { platform: 'darwin', lsof: join(file, 'lsof') })).toBeUndefined()
})

describe.skipIf(process.platform === 'win32')('on Windows', () => {
  const GERMAN = `
Aktive Verbindungen

  Proto  Lokale Adresse         Remoteadresse          Status           PID
  TCP    127.0.0.1:4711         127.0.0.1:61234        HERGESTELLT      7
  TCP    0.0.0.0:47110          0.0.0.0:0              ABHÖREN         8
  TCP    127.0.0.1:4711         0.0.0.0:0              ABHÖREN         42
  TCP    [::1]:4712             [::]:0                 ABHÖREN         43
  UDP    0.0.0.0:4713           *:*                                    44
`
  function system32(netstat: string, tasklist: string) {
    const place = folder.fresh('System32')
    mkdirSync(place)
    const write = (name: string, text: string) =>
      writeFileSync(join(place, name), `#!/bin/sh\n${text}\n`, { mode: 0o755 })
    write('netstat.exe', `/bin/cat <<'END'\n${netstat}\nEND`)
    write('tasklist.exe', tasklist)
    return { platform: 'win32', system32: place } as const
  }
  const NAMED = `/usr/bin/printf '"node.exe","%s","Console","1","50,000 K"\\r\\n' 42; echo "$@" > "$0.words"; /usr/bin/env > "$0.environment"`

  test('netstat and tasklist name it, in any language, and get no secret in their environment', async () => {
    process.env.TEAM_TOKEN = 'needle'
    onTestFinished(() => void delete process.env.TEAM_TOKEN)
    const tools = system32(GERMAN, NAMED)
    expect(await portHolder(4711, tools)).toBe('node.exe (pid 42)')
    expect(readFileSync(join(tools.system32, 'tasklist.exe.words'), 'utf8')).toBe('/FI PID eq 42 /FO CSV /NH\n')
    expect(readFileSync(join(tools.system32, 'tasklist.exe.environment'), 'utf8')).not.toContain('needle')
  })

  test('its id is enough where its name is not told', async () => {
    expect(await portHolder(4712, system32(GERMAN, 'exit 1'))).toBe('a program (pid 43)')
  })

  test.each([4713, 4714, 471, 61_234])('nobody listens on %i', async (port) => {
    expect(await portHolder(port, system32(GERMAN, NAMED))).toBeUndefined()
  })

  test('nothing is told where there is no netstat', async () => {
    expect(await portHolder(4711, { platform: 'win32', system32: folder.fresh('none') })).toBeUndefined()
  })
})
