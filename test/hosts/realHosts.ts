// The real hosts that npm has, driven without a person: where each is installed, its own configuration, and one turn with the entry that `install` writes.
import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Git-ignored: the hosts take more than a gigabyte. */
const INSTALLED = fileURLToPath(new URL('../.hosts', import.meta.url))

export interface Turn {
  readonly prompt: string
  /** Home of a person who has only this host. */
  readonly home: string
  /** Of the scripted model. */
  readonly model: string
  /** Writes the entry of the bridge, as a person does it, with the variables of this host. */
  readonly install: (host: string, env: NodeJS.ProcessEnv) => Promise<void>
}

export interface RealHost {
  readonly name: string
  readonly title: string
  readonly package: string
  readonly bin: string
  /** When its model has tools of which `list_changed` told: in the same turn, in the next run, or after a restart of the host. */
  readonly newTools: 'same turn' | 'next run' | 'restart'
  /** Writes its configuration, without any server; gives the words and the environment of one turn. */
  configure(turn: Turn): { readonly args: readonly string[]; readonly env: NodeJS.ProcessEnv }
}

function write(path: string, content: string | object) {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content, null, 2))
}

export const claudeCode: RealHost = {
  name: 'claude-code',
  title: 'Claude Code',
  package: '@anthropic-ai/claude-code',
  bin: 'claude',
  newTools: 'same turn',
  configure(turn) {
    const folder = join(turn.home, '.claude')
    return {
      args: ['-p', turn.prompt, '--allowedTools', 'mcp__bridge'],
      env: {
        CLAUDE_CONFIG_DIR: folder,
        ANTHROPIC_BASE_URL: turn.model,
        ANTHROPIC_API_KEY: 'none',
        CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
        DISABLE_AUTOUPDATER: '1',
        ENABLE_TOOL_SEARCH: 'false',
      },
    }
  },
}

export const codex: RealHost = {
  name: 'codex',
  title: 'Codex',
  package: '@openai/codex',
  bin: 'codex',
  newTools: 'restart',
  configure(turn) {
    const folder = join(turn.home, '.codex')
    write(
      join(folder, 'config.toml'),
      `model = "scripted"
model_provider = "scripted"
approval_policy = "never"
sandbox_mode = "danger-full-access"
[model_providers.scripted]
name = "scripted"
base_url = "${turn.model}/v1"
wire_api = "responses"
[analytics]
enabled = false
`,
    )
    return { args: ['exec', '--skip-git-repo-check', turn.prompt], env: { CODEX_HOME: folder } }
  },
}

export const geminiCli: RealHost = {
  name: 'gemini-cli',
  title: 'Gemini CLI',
  package: '@google/gemini-cli',
  bin: 'gemini',
  newTools: 'next run',
  configure(turn) {
    write(join(turn.home, '.gemini/settings.json'), {
      security: { auth: { selectedType: 'gemini-api-key' }, folderTrust: { enabled: false } },
      privacy: { usageStatisticsEnabled: false },
      general: { disableAutoUpdate: true, disableUpdateNag: true },
    })
    return {
      args: ['-y', '-m', 'gemini-2.5-pro', '-p', turn.prompt],
      env: { GEMINI_API_KEY: 'none', GOOGLE_GEMINI_BASE_URL: turn.model },
    }
  },
}

export const openCode: RealHost = {
  name: 'opencode',
  title: 'OpenCode',
  package: 'opencode-ai',
  bin: 'opencode',
  newTools: 'same turn',
  configure(turn) {
    write(join(turn.home, '.config/opencode/opencode.json'), {
      provider: {
        scripted: {
          npm: '@ai-sdk/openai-compatible',
          options: { baseURL: `${turn.model}/v1`, apiKey: 'none' },
          models: { scripted: { name: 'scripted', tool_call: true } },
        },
      },
      model: 'scripted/scripted',
      small_model: 'scripted/scripted',
      autoupdate: false,
      share: 'disabled',
    })
    return { args: ['run', turn.prompt], env: { OPENCODE_DISABLE_MODELS_FETCH: '1', OPENCODE_DISABLE_AUTOUPDATE: '1' } }
  },
}

export const HOSTS: readonly RealHost[] = [claudeCode, codex, geminiCli, openCode]

const installed = (host: RealHost) => join(INSTALLED, 'node_modules', host.package, 'package.json')
export const versionOf = (host: RealHost): string => JSON.parse(readFileSync(installed(host), 'utf8')).version

/** The newest of each, where they are not here yet. */
export async function installHosts(): Promise<void> {
  if (HOSTS.every((host) => existsSync(installed(host)))) return
  mkdirSync(INSTALLED, { recursive: true })
  writeFileSync(join(INSTALLED, 'package.json'), '{"private":true}')
  const words = ['install', '--no-audit', '--no-fund', ...HOSTS.map((host) => host.package)]
  await run('npm', words, process.env, INSTALLED)
}

export interface Ended {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** One turn of the host, to its end. */
export async function takeTurn(host: RealHost, turn: Turn): Promise<Ended> {
  const { args, env } = host.configure(turn)
  await turn.install(host.name, env)
  const work = join(turn.home, 'project')
  mkdirSync(work, { recursive: true })
  const bare = { HOME: turn.home, PATH: process.env.PATH, TERM: 'dumb', LANG: 'C.UTF-8', NO_COLOR: '1' }
  return run(join(INSTALLED, 'node_modules/.bin', host.bin), args, { ...bare, ...env }, work)
}

function run(program: string, args: readonly string[], env: NodeJS.ProcessEnv, cwd: string): Promise<Ended> {
  return new Promise((resolve) => {
    const options = { env, cwd, timeout: 240_000, maxBuffer: 64 * 1024 * 1024 }
    const child = execFile(program, [...args], options, (error, stdout, stderr) =>
      resolve({ code: error ? Number(error.code ?? -1) : 0, stdout, stderr }),
    )
    child.stdin?.end()
  })
}
