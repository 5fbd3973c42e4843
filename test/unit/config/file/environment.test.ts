// ${NAME} in a value.
import { expect, test } from 'vitest'
import { fillEnvironment } from '../../../../src/config/file/environment.ts'
import { errorOf } from '../../../fakes/thrown.ts'

const ENVIRONMENT = { A: '1', B_2: 'zwei', EMPTY: '', DOLLARS: `$& $1 \${A}` }

test.each([
  ['', ''],
  ['plain', 'plain'],
  [`\${A}`, '1'],
  [`x\${A}y\${B_2}z`, 'x1yzweiz'],
  [`\${EMPTY}`, ''],
  ['$A', '$A'],
  [`\${}`, `\${}`],
  [`\${A-b}`, `\${A-b}`],
  [`\${DOLLARS}`, `$& $1 \${A}`],
])('%j becomes %j', (text, filled) => {
  expect(fillEnvironment(text, ENVIRONMENT)).toBe(filled)
})

test('a variable that is not set is an error that names it and its place', async () => {
  const error = await errorOf(() => fillEnvironment(`\${MISSING}`, ENVIRONMENT, 'FILE:1:2: '))
  expect([error.code, error.message]).toEqual([
    'config_invalid',
    'FILE:1:2: the environment variable MISSING is not set',
  ])
})

test.each(['constructor', 'toString', '__proto__'])(
  'the variable %s, which only exists on every object, is not set',
  async (name) => {
    expect((await errorOf(() => fillEnvironment(`\${${name}}`, ENVIRONMENT))).code).toBe('config_invalid')
  },
)
