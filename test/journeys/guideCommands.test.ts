// The command lines that the documents show, typed as they stand: by a person who is signed in, in a folder with a config file.
import { spawn } from 'node:child_process'
import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, expect, test } from 'vitest'
import { PROGRAM } from '../servers/host.ts'
import { startStage } from '../servers/stage.ts'

let stage: Awaited<ReturnType<typeof startStage>>
afterEach(() => stage?.close())

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const DOCUMENTS = ['README.md', ...readdirSync(join(ROOT, 'docs')).map((name) => `docs/${name}`)].filter((name) =>
  name.endsWith('.md'),
)

/** Lines of bash blocks that start this program and nothing else; not those with words to fill in. */
function commandsOf(document: string): string[] {
  const blocks = [...readFileSync(join(ROOT, document), 'utf8').matchAll(/```bash\n([\s\S]*?)```/g)]
  const lines = blocks.flatMap(([, block = '']) => block.split('\n')).map((line) => line.replace(/\s+#.*$/, ''))
  return [...new Set(lines)].filter((line) => /^(?:\w+=\S+ |npx -y )*mcp-oauth-bridge [^<|[\]]*$/.test(line))
}

/** What does not end with 0 here, and why. */
const REFUSED: Readonly<Record<string, { code: number; says: RegExp }>> = {
  // For servers whose authorization server refuses a resource; the one of the tests wants it.
  'mcp-oauth-bridge login https://mcp.example.com/mcp --force --resource none': { code: 3, says: /refuses it \(401\)/ },
  // The config here is a bridge's: it has no provider to sign in with (gateway/ has it with one).
  'mcp-oauth-bridge serve': { code: 2, says: /No entry of providers has a client_id/ },
  // It asks twice, and nobody is at a terminal to answer (terminal.test.ts has it with one).
  'mcp-oauth-bridge reset': { code: 2, says: /terminal|--yes/ },
}

/** Types one line into a shell; a host's end of stdin is closed, and an address that is shown is opened. */
async function type(line: string): Promise<{ code: number | null; said: string }> {
  const words = line.replace('npx -y ', '').replaceAll('https://mcp.example.com/mcp', stage.server.url)
  const PATH = `${join(stage.home, 'programs')}:${process.env.PATH}`
  const shell = spawn('sh', ['-c', words], { cwd: stage.home, env: { ...stage.environment, PATH } })
  shell.stdin.end()
  let said = ''
  let visited: Promise<void> | undefined
  const hear = (chunk: Buffer) => {
    said += chunk
    const address = line.includes('--no-browser') && /^http\S+\/auth\?\S+$/m.exec(said)?.[0]
    if (address) visited ??= stage.visit(address)
  }
  shell.stdout.on('data', hear)
  shell.stderr.on('data', hear)
  const code = await new Promise<number | null>((resolve) => shell.once('close', resolve))
  await visited
  return { code, said }
}

test.each(DOCUMENTS.map((name) => [name, commandsOf(name)] as const).filter(([, commands]) => commands.length > 0))(
  'every command line of %s runs as it stands',
  async (_, commands) => {
    stage = await startStage()
    const programs = join(stage.home, 'programs')
    mkdirSync(programs)
    writeFileSync(join(programs, 'mcp-oauth-bridge'), `#!/bin/sh\nexec '${process.execPath}' '${PROGRAM}' "$@"\n`)
    chmodSync(join(programs, 'mcp-oauth-bridge'), 0o755)
    mkdirSync(join(stage.home, '.local/share/bash-completion/completions'), { recursive: true })
    writeFileSync(join(stage.home, 'headers.txt'), 'X-Trace: on\n')
    const yaml = `servers: { work: { url: "${stage.server.url}" } }\ncallback_url: ${stage.callbackUrl}\n`
    // The person's own, and one in the folder for the lines that name it.
    for (const name of ['bridge/config.yaml', 'config.yaml']) stage.config(yaml, name)
    expect((await stage.command(['login', 'work'])).code).toBe(0)
    for (const command of commands) {
      const { code, said } = await type(command)
      const { code: wanted, says } = REFUSED[command] ?? { code: 0, says: /(?:)/ }
      expect(code, `${command}\n${said}`).toBe(wanted)
      expect(said, command).toMatch(says)
    }
  },
  180_000,
)

test('the documents show enough commands for the test above to be meaningful', () => {
  expect(DOCUMENTS.flatMap(commandsOf).length).toBeGreaterThan(30)
})
