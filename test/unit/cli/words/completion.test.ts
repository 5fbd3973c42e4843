// Completions know every value that an option takes, from the table of options alone.
import { describe, expect, test } from 'vitest'
import type { ProcessIO } from '../../../../src/cli/process.ts'
import { OPTIONS } from '../../../../src/cli/words/args.ts'
import { completion } from '../../../../src/cli/words/completion.ts'

const scriptFor = (shell: string) => {
  const parts: string[] = []
  completion(shell, { stdout: { write: (part: string) => parts.push(part) } } as unknown as ProcessIO)
  return parts.join('')
}

const CHOSEN = Object.entries(OPTIONS).flatMap(([name, row]) =>
  'choices' in row ? [[name, row.choices] as const] : [],
)

test('the table has options with fixed values', () => {
  expect(CHOSEN.map(([name]) => name)).toEqual(expect.arrayContaining(['log-level', 'login', 'transport', 'protocol']))
})

describe.each(['bash', 'zsh', 'fish'])('%s', (shell) => {
  test.each(CHOSEN)('--%s is completed with all of its values', (name, choices) => {
    const about = scriptFor(shell)
      .split('\n')
      .filter((line) => line.includes(shell === 'fish' ? `-l ${name} ` : `--${name})`))
    expect(about.length).toBeGreaterThan(0)
    expect(about.filter((line) => !line.includes(choices.join(' ')))).toEqual([])
  })
})
