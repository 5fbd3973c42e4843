// Help, made from the table of options.
import { describe, expect, test } from 'vitest'
import { COMMANDS, OPTIONS, parseCommandLine } from '../../../../src/cli/words/args.ts'
import { HELP, helpText } from '../../../../src/cli/words/help.ts'

describe('help', () => {
  test('of the program names every command and every option for people', () => {
    const text = helpText(undefined)
    for (const command of COMMANDS.filter((one) => one !== 'run')) expect(text).toContain(command)
    for (const name of Object.keys(OPTIONS).filter((one) => one !== 'attempt')) expect(text).toContain(`--${name}`)
    expect(text).not.toContain('--attempt')
  })

  test.each([80, 100, 200])('breaks no word at %i columns', (columns) => {
    const whole = helpText(undefined).split(/\s+/)
    const lines = helpText(undefined, columns).split('\n')
    expect(lines.join(' ').split(/\s+/)).toEqual(whole)
    // A usage or an example that is wider stands as it is, so that it can be copied.
    const wide = lines.filter((line) => line.length > columns)
    expect(wide.filter((line) => !line.startsWith('  mcp-oauth-bridge '))).toEqual([])
  })

  test.each(['install', 'uninstall'] as const)('of %s names the hosts', (command) => {
    expect(helpText(command)).toContain('Hosts: claude-desktop, claude-code, cursor, vscode, windsurf, codex')
  })

  test.each(COMMANDS)('of %s has examples, and each is a valid command line', (command) => {
    for (const [line] of HELP[command].examples) {
      const words = line.split(' > ')[0]?.split(' ') ?? []
      expect(parseCommandLine(words).command).toBe(command)
      expect(helpText(command)).toContain(`mcp-oauth-bridge ${line}`)
    }
    expect(HELP[command].examples.length).toBeGreaterThan(0)
  })

  test.each(COMMANDS)('of %s names its options and no others', (command) => {
    const text = helpText(command)
    for (const [name, option] of Object.entries(OPTIONS)) {
      if (name === 'attempt') continue
      const its = !('for' in option) || (option.for as readonly string[]).includes(command)
      expect(new RegExp(`--${name}(?![\\w-])`).test(text), `--${name} in the help of ${command}`).toBe(its)
    }
  })

  test.each(COMMANDS)('of %s says where it looks for the config file', (command) => {
    const looks = ['serve', 'migrate', 'validate-config', 'check-config'].includes(command)
    expect(helpText(command).includes('default: ./config.yaml, else the one in the config folder')).toBe(looks)
  })
})
